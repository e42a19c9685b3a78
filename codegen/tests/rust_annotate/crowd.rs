use inspect_runtime::{RuntimeTable, registry};
use std::sync::atomic::{AtomicUsize, Ordering};
const THREADS: usize = 2;
static TABLES: [RuntimeTable<s::Region, 32>; 512] = [const { RuntimeTable::new() }; 512];
static ARRIVED: AtomicUsize = AtomicUsize::new(0);
fn main() {
    let adopt = || -> Vec<usize> {
        let adopt = |(index, table): (usize, &'static RuntimeTable<_, 32>)| {
            // Threads meet at each table without sleeping, so that they adopt at the same moment.
            ARRIVED.fetch_add(1, Ordering::AcqRel);
            while ARRIVED.load(Ordering::Acquire) < (index + 1) * THREADS {
                std::hint::spin_loop();
            }
            registry::adopt_unpacked(table).expect("every annotation is an entry").registered
        };
        TABLES.iter().enumerate().map(adopt).collect()
    };
    let registered: Vec<Vec<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(&adopt)).collect();
        threads.into_iter().map(|it| it.join().expect("a thread")).collect()
    });
    for (index, table) in TABLES.iter().enumerate() {
        assert_eq!(registered.iter().map(|it| it[index]).sum::<usize>(), 17, "table {index}");
        assert_eq!(table.iter().count(), 17, "table {index}");
    }
}
