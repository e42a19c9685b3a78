//! The protocol between readers of a section map and a rebuild, in all interleavings that a weak memory
//! allows: the very file that the runtime compiles, with a model checker's atomics. Each ordering on which
//! it stands is weakened once, and then the model has to find the fault.

#![allow(clippy::duplicate_mod, reason = "one file under several sets of orderings")]

/// The protocol with orderings of its own: in the module `flip`, which knows them as `super::sync`.
macro_rules! protocol {
    ($name:ident, $first_load:ident, $publish:ident, $after_reading:expr, $before_writing:expr) => {
        #[path = "../src/sections"]
        mod $name {
            pub(super) mod sync {
                pub(crate) use loom::sync::atomic::AtomicU64 as AtomicCount;
                pub(crate) use loom::sync::atomic::{Ordering, fence};

                pub(crate) const FIRST_LOAD: Ordering = Ordering::$first_load;
                pub(crate) const PUBLISH: Ordering = Ordering::$publish;
                pub(crate) const RELAXED: Ordering = Ordering::Relaxed;

                pub(crate) fn fence_after_reading() {
                    let order: Option<Ordering> = $after_reading;
                    order.map(fence);
                }

                pub(crate) fn fence_before_writing() {
                    let order: Option<Ordering> = $before_writing;
                    order.map(fence);
                }
            }

            #[path = "flip.rs"]
            pub(super) mod flip;

            /// A writer makes changes while a reader looks twice: both words of a side are always the
            /// same, and never less than what the reader saw before.
            pub(super) fn check(changes: u32) {
                use loom::sync::Arc;
                use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};

                struct Map {
                    flip: flip::Flip,
                    sides: [[AtomicU32; 2]; 2],
                }

                impl Map {
                    fn look(&self) -> u32 {
                        let [one, two] = self.flip.read(|side| {
                            let [one, two] = &self.sides[side];
                            [one.load(Relaxed), two.load(Relaxed)]
                        });
                        assert_eq!(one, two, "half of a change");
                        one
                    }
                }

                let mut builder = loom::model::Builder::new();
                builder.preemption_bound = Some(3);
                builder.check(move || {
                    let zero = || AtomicU32::new(0);
                    let map = Arc::new(Map {
                        flip: flip::Flip::new(sync::AtomicCount::new(0)),
                        sides: [[zero(), zero()], [zero(), zero()]],
                    });
                    let shared = Arc::clone(&map);
                    let reader = loom::thread::spawn(move || {
                        let first = shared.look();
                        let second = shared.look();
                        assert!(first <= second, "back to an older change");
                    });
                    for change in 1..=changes {
                        let side = map.flip.begin();
                        for word in &map.sides[side] {
                            word.store(change, Relaxed);
                        }
                        map.flip.publish();
                        assert_eq!(map.look(), change, "the writer sees its own change");
                    }
                    reader.join().unwrap();
                    assert_eq!(map.look(), changes);
                });
            }
        }
    };
}

protocol!(sound, Acquire, Release, Some(Ordering::Acquire), Some(Ordering::Release));
protocol!(weak_first_load, Relaxed, Release, Some(Ordering::Acquire), Some(Ordering::Release));
protocol!(weak_publish, Acquire, Relaxed, Some(Ordering::Acquire), Some(Ordering::Release));
protocol!(no_fence_of_readers, Acquire, Release, None, Some(Ordering::Release));
protocol!(no_fence_of_writers, Acquire, Release, Some(Ordering::Acquire), None);

#[test]
fn readers_never_see_half_of_a_change() {
    sound::check(3);
}

#[test]
#[should_panic = "half of a change"]
fn a_relaxed_first_load_is_found() {
    weak_first_load::check(2);
}

#[test]
#[should_panic = "half of a change"]
fn a_relaxed_publication_is_found() {
    weak_publish::check(2);
}

#[test]
#[should_panic = "half of a change"]
fn a_missing_fence_of_readers_is_found() {
    no_fence_of_readers::check(2);
}

#[test]
#[should_panic = "half of a change"]
fn a_missing_fence_of_writers_is_found() {
    no_fence_of_writers::check(2);
}

#[test]
fn the_model_has_the_orderings_of_the_runtime() {
    let source = include_str!("../src/sections.rs");
    let constant = |name: &str, order: &str| {
        source.contains(&format!("const {name}: Ordering = Ordering::{order};"))
    };
    let fence = |name: &str, order: &str| {
        source.contains(&format!("fn {name}() {{\n        fence(Ordering::{order});"))
    };
    assert!(constant("FIRST_LOAD", "Acquire"));
    assert!(constant("PUBLISH", "Release"));
    assert!(fence("fence_after_reading", "Acquire"));
    assert!(fence("fence_before_writing", "Release"));
}
