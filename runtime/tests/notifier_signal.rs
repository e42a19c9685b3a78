//! A signal handler that uses the notifier of the thread that it interrupts is refused wherever it strikes,
//! and never waits for itself.
#![cfg(unix)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use inspect_runtime::notifier::{Change, ChangeError, Notifier, Refused, Subscriber, Veto};
use lock_api::{GuardSend, RawMutex};
use parking_lot::RawThreadId;

/// A spin lock that a signal interrupts before, inside and after each of its steps.
struct Interrupted(AtomicBool);

// SAFETY: the flag goes from false to true by a compare-and-swap, and only the one who did that clears it.
unsafe impl RawMutex for Interrupted {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self(AtomicBool::new(false));
    type GuardMarker = GuardSend;

    fn lock(&self) {
        interrupt();
        while !self.try_lock() {
            interrupt();
            std::thread::yield_now();
        }
        interrupt();
    }

    fn try_lock(&self) -> bool {
        self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    unsafe fn unlock(&self) {
        interrupt();
        self.0.store(false, Ordering::Release);
        interrupt();
    }
}

static MEMORY: Notifier<'static, u64, Interrupted, RawThreadId, 2> = Notifier::new();
static PASSED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

std::thread_local! {
    /// Signals do not interrupt the lock when the handler itself takes it.
    static IN_HANDLER: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A signal strikes.
fn interrupt() {
    if !IN_HANDLER.get() {
        // SAFETY: the handler of the signal was installed before the first use of the notifier.
        unsafe { libc::raise(libc::SIGUSR1) };
    }
}

extern "C" fn handler(_: libc::c_int) {
    let nested = IN_HANDLER.replace(true);
    let count = match MEMORY.change(&Change::Add(1), || Ok::<_, ()>(())) {
        Ok(()) => &PASSED,
        Err(ChangeError::Refused(Refused::Reentrant)) => &REFUSED,
        Err(_) => &WRONG,
    };
    count.fetch_add(1, Ordering::Relaxed);
    IN_HANDLER.set(nested);
}

/// Is interrupted in each callback.
struct Struck;

impl Subscriber<u64> for Struck {
    fn prepare(&self, _: &Change<u64>) -> Result<(), Veto> {
        interrupt();
        Ok(())
    }
    fn commit(&self, _: &Change<u64>) {
        interrupt();
    }
    fn cancel(&self, _: &Change<u64>) {
        interrupt();
    }
}

fn counts() -> [usize; 3] {
    [&PASSED, &REFUSED, &WRONG].map(|count| count.swap(0, Ordering::Relaxed))
}

/// One test, because a process has one handler for a signal.
#[test]
fn a_handler_is_refused_wherever_it_strikes() {
    // SAFETY: `alarm` ends a process that waits for itself; `handler` has the signature that is asked for,
    // and touches atomics, a thread-local that needs no initialising, and the notifier.
    unsafe {
        libc::alarm(300);
        libc::signal(libc::SIGUSR1, handler as *const () as libc::sighandler_t);
    }
    interrupt();
    assert_eq!(counts(), [1, 0, 0], "outside of the notifier a handler may use it");

    let handle = MEMORY.subscribe(&Struck, 0).expect("room");
    assert_eq!(counts(), [0, 4, 0], "before and after the lock is taken and given back");
    let act = || {
        interrupt();
        Ok::<_, ()>(())
    };
    MEMORY.change(&Change::Add(1), act).expect("nobody objects");
    assert_eq!(counts(), [0, 7, 0], "and in two callbacks and the action");

    storm();
    let [_, refused, wrong] = counts();
    assert!(refused > 0 && wrong == 0, "{refused} refused, {wrong} otherwise");
    MEMORY.unsubscribe(handle).expect("it is there");
}

/// Two threads make changes and are struck from outside, at any instruction, as well.
fn storm() {
    const STRIKES: usize = 2000;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel();
        for _ in 0..2 {
            let (send, stop) = (send.clone(), &stop);
            scope.spawn(move || {
                // SAFETY: it has no preconditions.
                send.send(unsafe { libc::pthread_self() }).expect("the test waits for it");
                while !stop.load(Ordering::Relaxed) {
                    let result = MEMORY.change(&Change::Add(2), || Ok::<_, ()>(()));
                    result.expect("no callback calls this");
                    // A while outside, where a handler gets in and the other thread meets it.
                    (0..1000).for_each(|_| std::hint::spin_loop());
                }
            });
        }
        let threads = [receive.recv().expect("a thread"), receive.recv().expect("a thread")];
        for strike in 0..STRIKES {
            // SAFETY: both threads run until they are told to stop.
            unsafe { libc::pthread_kill(threads[strike % 2], libc::SIGUSR1) };
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
}
