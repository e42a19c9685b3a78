//! Writes tests.forms as `produce.c` does, and prints it as `consume.c` does, with generated Rust.
#![forbid(unsafe_code)]

mod schemas {
    inspect_runtime::include_schemas!("rust/inspect.rs");
}


use inspect_runtime::memory::{Memory, ThisProcess};
use inspect_runtime::{Be16, Be64, Consumer, Le32, RuntimeTable, Text};
use schemas::{tests_forms as s, tests_kinds as k};

static SCALARS: s::Scalars = s::Scalars {
    a: 200,
    d: 0x0102_0304_0506_0708,
    e: -5,
    h: -6_000_000_000,
    i: 1.5,
    j: -2.25,
    k: true,
    l: b'x',
    m: Be16::new(0x1234),
    o: Be64::new(0x1122_3344_5566_7788),
    q: Le32::new(0xcafe_f00d),
    w: -7,
    x: 70000,
    y: -8_000_000_000,
    ab: -9,
    ae: std::sync::atomic::AtomicU64::new(0xff_ffff_ffff),
    ..s::Scalars::ZERO
};
static FIELDS: s::Fields = s::Fields::ZERO
    .with_a(5)
    .with_b(0x1abc)
    .with_c(-3)
    .with_d(0x98_7654_3210)
    .with_e(true)
    .with_f(21)
    .with_g(k::Shade::Bright)
    .with_h(-2);
static NESTED: s::Nested = s::Nested {
    kind: k::Shade::Dark,
    body: s::NestedBody {
        dark: s::NestedBodyDark {
            y: 77,
            deep: s::NestedBodyDarkDeep { z: [0, 0, 9] },
            ..s::NestedBodyDark::ZERO
        },
    },
    anonymous0: s::NestedAnonymous2 {
        anonymous0: s::NestedAnonymous2Anonymous1 {
            high: 0xbeef,
            ..s::NestedAnonymous2Anonymous1::ZERO
        },
    },
    many: [
        s::NestedMany::ZERO,
        s::NestedMany { r: 31, ..s::NestedMany::ZERO },
        s::NestedMany::ZERO,
    ],
    stamp: k::Stamp { seconds: 1_234_567_890_123, ..k::Stamp::ZERO },
    last: k::Pair { b: 42, ..k::Pair::ZERO },
};
static HOLDS: s::Holds = s::Holds {
    shades: [k::Shade::ZERO, k::Shade::ZERO, k::Shade::ZERO, k::Shade::Bright],
    modes: [k::Mode::Idle, k::Mode::Run],
    depth: k::Depth::Below,
    sign: k::Sign::Minus,
    traits: k::Traits(k::Traits::LAST.0 | 0xa5 << 8),
    bits: [k::Bits::ZERO, k::Bits::HIGH],
    names: [Text::from_bytes(*b"full"), Text::new("ab")],
    order: [Be16::ZERO, Be16::new(513)],
    ratio: [0.0, 0.5],
    words: [0, 0, 99],
    ..s::Holds::ZERO
};
static HEAD: s::Head = s::Head {
    magic: *b"\x89HEAD\0\0\0",
    stamps: [k::Stamp::ZERO, k::Stamp { nanos: 55, ..k::Stamp::ZERO }],
    ..s::Head::ZERO
};
static MESSAGE: s::Message<[u32; 5]> = s::Message {
    magic: 0x4d53_4721,
    tag: *b"abc\0",
    len: 3,
    extra: 1,
    pos: s::MessagePos { at: 2 },
    ..s::Message::with([10, 20, 30, 40, 50])
};
static LIST: s::List<[std::ffi::c_long; 3]> = s::List { count: 3, words: [-1, 2, 3] };

static TABLE: RuntimeTable<s::Row, 4, 256> = RuntimeTable::new();

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments[1].as_str() {
        "write" => write(&arguments[2], &arguments[3]),
        _ => read(&arguments[2], &arguments[3]),
    }
}

fn write(table: &str, structs: &str) {
    let mut stamp = [0; 16];
    stamp[..8].copy_from_slice(&5_u64.to_ne_bytes());
    let filled = |row: s::Row| {
        row.properties(s::Facts::DUMP)
            .instance(1)
            .owner(4711)
            .node(-3)
            .label("")
            .core_(8)
            .shade(k::Shade::Dark)
            .title(Text::new("title"))
            .stamp(stamp)
            .pairs([0, 0, 65535])
            .ratio(0.125)
            .ok(true)
            .sum([0, 0])
    };
    let (address, length) = place(&MESSAGE);
    let message = filled(s::Row::new::<s::class::Message>(address, length));
    TABLE.register(filled(s::Row::of::<s::class::Scalars>(&SCALARS)).name("scalars")).unwrap();
    let gone = TABLE.register(message.name("gone")).unwrap();
    TABLE.register(message.name("message")).unwrap();
    TABLE.unregister(gone).unwrap();
    let outer = filled(s::Row::new::<s::class::Outer>(address, length));
    TABLE.register(outer.name("outer")).unwrap();
    let mut image = vec![0; TABLE.image_size()];
    let size = TABLE.copy_to(&mut image).unwrap();
    std::fs::write(table, &image[..size]).unwrap();

    // No Rust compiler has captured a struct of C: it is as good as empty.
    let places = [
        place(&SCALARS),
        place(&FIELDS),
        place(&NESTED),
        place(&HOLDS),
        place(&HEAD),
        place(&MESSAGE),
        place(&LIST),
        (0, 0),
    ];
    let mut bytes = Vec::new();
    for (address, length) in places {
        let part = memory(address, length);
        bytes.extend((part.len() as u32).to_be_bytes());
        bytes.extend(part);
    }
    std::fs::write(structs, bytes).unwrap();
}

fn place<T>(of: &'static T) -> (u64, u64) {
    (std::ptr::from_ref(of) as u64, size_of::<T>() as u64)
}

/// This process's memory, read as whoever writes a dump does: by address and length.
fn memory(address: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    ThisProcess::new().read(address, &mut bytes).unwrap();
    bytes
}

fn read(table: &str, structs: &str) {
    let bytes = std::fs::read(table).unwrap();
    let table = s::Table::parse(&bytes).unwrap();
    for row in table.rows().filter(|row| row.is_live()) {
        print_row(row, table.raw().header().schema);
    }
    let layouts = table.bind().unwrap();
    let bytes = std::fs::read(structs).unwrap();
    let mut rest = &bytes[..];
    let print: [fn(&s::Layouts, &[u8]); 8] = [
        print_scalars,
        print_fields,
        print_nested,
        print_holds,
        print_head,
        print_message,
        print_list,
        print_outer,
    ];
    for (part, print) in print.iter().enumerate() {
        let (length, tail) = rest.split_first_chunk().unwrap();
        let (data, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
        rest = tail;
        println!("part {part}");
        print(&layouts, data);
    }
}

fn print_row(row: s::Row_<'_>, schema: u64) {
    let dump = u8::from(row.properties() & s::Facts::DUMP.0 != 0);
    let any = u8::from(row.length() > 0);
    println!("row {} class={:08x} length>0={any} dump={dump}", row.name(), row.class());
    let core = row.raw().core();
    let sees = |consumer: &Consumer| {
        u8::from(consumer.judge(schema, &core, row.name()).is_allowed())
    };
    let (minidump, nothing) = (sees(&s::consumer::MINIDUMP), sees(&s::consumer::NOTHING));
    println!("minidump={minidump} nothing={nothing}");
    println!("owner={}\nnode={}\nlabel={}", row.owner(), row.node(), row.label());
    println!("core={}\nshade={}\ntitle={}", row.core_(), row.shade().0, row.title());
    println!("stamp={}\npairs={}", row.stamp().len(), row.pairs()[2]);
    println!("outside={}", row.pairs().get(3).unwrap_or(&0));
    println!("ratio={}\nok={}\nsum={}", row.ratio(), u8::from(row.ok()), row.sum()[0]);
}

fn print_scalars(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.scalars(data).unwrap();
    println!("a={}\nd={}\ne={}\nh={}", it.a(), it.d(), it.e(), it.h());
    let (k, l) = (u8::from(it.k()), char::from(it.l()));
    println!("i={} j={} k={k} l={l}", it.i(), it.j());
    println!("m={}\no={}\nq={}\nw={}", it.m(), it.o(), it.q(), it.w());
    println!("x={}\ny={}\nab={}\nae={}", it.x(), it.y(), it.ab(), it.ae());
}

fn print_fields(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.fields(data).unwrap();
    println!("a={}\nb={}\nc={}\nd={}", it.a(), it.b(), it.c(), it.d());
    println!("e={}\nf={}\ng={}\nh={}", u8::from(it.e()), it.f(), it.g().0, it.h());
}

fn print_nested(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.nested(data).unwrap();
    let s::NestedBodyArm::Dark(dark) = it.body_arm() else { panic!("{:?}", it.body_arm()) };
    println!("kind={}\ny={}\nz={}", it.kind().0, dark.y(), dark.deep().z()[2]);
    println!("high={}\nr={}", it.high(), it.many().get(1).unwrap().r());
    assert!(it.many().get(3).is_none());
    println!("seconds={}\nb={}", it.stamp().seconds(), it.last().b());
}

fn print_holds(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.holds(data).unwrap();
    println!("shade={}\nmode={}", it.shades().get(3).unwrap().0, it.modes().get(1).unwrap().0);
    println!("depth={}\nsign={}\ntraits={}", it.depth().0, it.sign().0, it.traits().0 as i64);
    println!("bits={}", it.bits().get(1).unwrap().0);
    for name in it.names().iter() {
        println!("name={name}");
    }
    println!("name={}", it.names().get(2).map_or(0, |name| name.as_bytes().len()));
    println!("order={}", it.order().get(1).unwrap().get());
    println!("ratio={}\nword={}", it.ratio().get(1).unwrap(), it.words().get(2).unwrap());
    println!("length={}\noutside={}", it.words().len(), it.words().get(usize::MAX).unwrap_or(0));
}

fn print_head(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.head(data).unwrap();
    it.check().unwrap();
    println!("nanos={}", it.stamps().get(1).unwrap().nanos());
}

fn print_message(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.message(data).unwrap();
    it.check().unwrap();
    println!("count={}\nroom={}", it.words_count(), it.words().len());
    for word in it.words().iter() {
        println!("word={word}");
    }
    let error = layouts.message(&data[..15]).unwrap_err().to_string();
    assert!(error.contains("message") && error.contains("there are 15"), "{error}");
    println!("short=1\nat 15 in tests_forms_message");
}

fn print_list(layouts: &s::Layouts, data: &[u8]) {
    let it = layouts.list(data).unwrap();
    println!("room={}\nword={}", it.words().len(), it.words().get(2).unwrap());
}

/// Captured by the compiler of the producer: there is no layout of it but in a table written in C.
fn print_outer(layouts: &s::Layouts, data: &[u8]) {
    if data.is_empty() {
        assert!(layouts.outer(data).is_err());
        return;
    }
    let it = layouts.outer(data).unwrap();
    let node = it.nodes().unwrap().get(2).unwrap();
    println!("node={}\ninner={}", it.node_id(), node.inner());
    println!("extra={}", u8::from(node.extra().is_some()));
    println!("list={}\nlist={}", it.by().list().get(4).unwrap(), it.by().list().len());
    println!("value={}", it.values().get(5).unwrap());
    println!("three={}", it.inside().two().get(1).unwrap().three());
    println!("far={}\nhandle={}", it.far(), it.handle().value());
    println!("lock={}", std::str::from_utf8(it.lock()).unwrap());
}
