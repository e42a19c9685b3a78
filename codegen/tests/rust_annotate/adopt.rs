use inspect_runtime::{RuntimeTable, registry};
static TABLE: RuntimeTable<s::Region, 32> = RuntimeTable::new();
fn main() {
    let adopted = registry::adopt_unpacked(&TABLE).expect("every annotation is an entry");
    println!("{adopted:?}");
    assert_eq!(registry::adopt_unpacked(&TABLE).unwrap().known, adopted.registered);
    let bytes = if adopted.registered > 0 {
        let mut bytes = vec![0; TABLE.image_size()];
        let size = TABLE.copy_to(&mut bytes).unwrap();
        bytes.truncate(size);
        bytes
    } else {
        // What a packer made of the annotations stands in the program.
        let table = registry::tables().map(|table| table.unwrap()).find(|it| !it.is_run_time());
        let Some(table) = table else { return };
        let mut bytes = vec![0; table.frozen_size()];
        let size = table.freeze(&mut bytes).unwrap().size;
        bytes.truncate(size);
        bytes
    };
    let table = s::Table::parse(&bytes).unwrap();
    let place = |row: &s::Row<'_>| {
        let at = |address: *const u8| row.address() == address as u64;
        [("LINES[0]", deep::LINES.as_ptr() as *const u8), ("LINES[3]", &deep::LINES[3] as *const _ as _),
            ("HITS", &deep::HITS as *const _ as _), ("BYTES", deep::BYTES.as_ptr()),
            ("TO_LINE", &deep::TO_LINE as *const _ as _), ("TO_LINES", &deep::TO_LINES as *const _ as _),
            ("STATES[1].lines", &deep::STATES[1].lines as *const _ as _),
            ("STATES[0].last", &deep::STATES[0].last as *const _ as _),
            ("LINES[1]", &deep::LINES[1] as *const _ as _),
            ("ANYTHING", &deep::ANYTHING as *const _ as _), ("CACHE", &CACHE as *const _ as _),
            ("CACHES", deep::CACHES.as_ptr() as _), ("TO_CACHE", &deep::TO_CACHE as *const _ as _)]
            .into_iter().find(|it| at(it.1)).map_or("elsewhere", |it| it.0)
    };
    let mut lines: Vec<String> = table.rows().filter(|row| row.is_live()).map(|row| {
        let bound = [("FILLED", &deep::FILLED as *const _ as u64),
            ("STATES[1].filled", &deep::STATES[1].filled as *const _ as u64),
            ("LINES[3]", &deep::LINES[3] as *const _ as u64), ("none", 0)];
        let bound = bound.into_iter().find(|it| it.1 == row.bound()).map_or("elsewhere", |it| it.0);
        format!("{:?} class {} at {} +{} extent {} bound {bound}/{} instance {} space {} properties {:#x} \
            type {} id {} {} | {:#x} {:?} {:?} {} {} {:?} {:?} {} {:?} {}", row.name(), row.class(),
            place(&row), row.length(), row.extent(), row.bound_size(), row.instance(), row.space(),
            row.properties(), row.type_id() == 1, row.id() & 0x7fff_ffff == 12, row.id() >> 31,
            row.owner(), row.label(), row.remark(), row.port(), row.delta(), row.mood(), row.rights(),
            row.ratio(), row.key(), row.is_late())
    }).collect();
    lines.sort();
    lines.iter().for_each(|line| println!("{line}"));
}
