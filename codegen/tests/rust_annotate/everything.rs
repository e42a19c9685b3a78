pub mod deep {
    use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, AtomicU8};
    use super::{s, Ptr};

    pub static LINES: [s::Line; 4] = [s::Line { level: 3, ..s::Line::ZERO }; 4];
    pub static HITS: AtomicU64 = AtomicU64::new(7);
    pub static BYTES: [u8; 100] = [1; 100];
    pub static TO_LINE: AtomicPtr<s::Line> = AtomicPtr::new(core::ptr::null_mut());
    pub static TO_LINES: Ptr<s::Line> = Ptr::NULL;
    pub static FILLED: AtomicUsize = AtomicUsize::new(0);
    pub static FEW: AtomicU8 = AtomicU8::new(0);
    pub struct State { pub lines: AtomicPtr<s::Line>, pub filled: AtomicU8, pub last: s::Line }
    pub static STATES: [State; 2] = [const { State {
        lines: AtomicPtr::new(core::ptr::null_mut()), filled: AtomicU8::new(0), last: s::Line::ZERO,
    } }; 2];
    pub static ANYTHING: (u8, u16) = (1, 2);

    #[repr(transparent)]
    pub struct Guarded<T>(pub T);
    impl<T> inspect_runtime::annotate::Content<T, inspect_runtime::annotate::Own> for Guarded<T> {}
    pub struct Cache { pub misses: u64, pub hits: u64 }
    pub static TO_CACHE: AtomicPtr<Cache> = AtomicPtr::new(core::ptr::null_mut());
    pub static CACHES: [Cache; 2] = [const { Cache { misses: 3, hits: 4 } }; 2];
}
inspect_runtime::describe!(schemas::stand::external::Cache as deep::Cache { hits, misses });
pub static CACHE: deep::Cache = deep::Cache { misses: 1, hits: 2 };

annotate!(s::class::Log: deep::LINES[3], name = "the last");
annotate!(s::class::Lines: deep::LINES, name = "log", instance = 3, owner = 7, label = "six by",
    remark = "said", port = 443, delta = -5, mood = s::Mood::Calm,
    rights = s::Rights::WRITE.with(s::Rights::LEVEL), is_late = false,
    properties = s::Facts::DUMP.with(s::Facts::SENSITIVE), id = 12, space = s::space::DEVICE, type = 1,);
annotate!(s::class::Count: deep::HITS, name = concat!("hi", "ts"), space = 1, instance = NODE as u64);
annotate!(s::class::Blob: deep::BYTES);
annotate!(s::class::Log: indirect deep::TO_LINE, name = "one");
annotate!(s::class::Lines: indirect deep::TO_LINES, name = "two", length = 2 * core::mem::size_of::<s::Line>());
annotate!(s::class::Lines: counted deep::TO_LINES by deep::FILLED, name = "many");
annotate!(s::class::Lines: counted deep::STATES[1].lines by deep::STATES[1].filled, name = "state");
annotate!(s::class::Log: deep::STATES[0].last, name = "member");
annotate!(s::class::Lines: deep::LINES[1]..deep::LINES[3], name = "range");
annotate!(s::class::Blob: address deep::ANYTHING, name = "anything");
annotate!(s::class::Cache: CACHE, name = "described");
annotate!(s::class::Caches: deep::CACHES, name = "described, an array");
annotate!(s::class::Caches: counted deep::TO_CACHE by deep::FILLED, name = "described, counted");
annotate!(s::class::Cache: indirect deep::TO_CACHE, name = "described, behind a pointer");
annotate!(s::class::Caches: indirect deep::TO_CACHE, name = "described, two", length = 32);
const NODE: u8 = 9;
/// A function with a variable, and a generic one.
pub fn inner<T>(it: T) -> T {
    static MINE: deep::Guarded<s::Line> = deep::Guarded(s::Line::ZERO);
    let it = it;
    annotate!(s::class::Log: MINE, name = "inner");
    it
}
