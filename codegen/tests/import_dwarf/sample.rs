//! What Rust has to lay out.

pub mod app {
    pub enum Mode {
        Idle,
        Busy,
    }
    pub enum Payload {
        Number(u64),
        Text(String),
        Nothing,
    }
    pub struct Key {
        pub a: u8,
        pub b: u64,
        pub c: u16,
    }
    #[repr(C, align(64))]
    pub struct Line {
        pub count: u32,
    }
    pub struct Cache {
        pub hits: u64,
        pub name: String,
        pub mode: Mode,
        pub payload: Payload,
        pub keys: Vec<Key>,
        pub pair: (u8, u32),
        pub boxed: Option<Box<Key>>,
        pub array: [u16; 5],
        pub letter: char,
        pub function: fn(u32) -> u32,
        pub text: &'static str,
        pub huge: u128,
        pub unit: (),
        pub line: Line,
        pub yes: bool,
    }
}

pub static CACHE: app::Cache = app::Cache {
    hits: 1,
    name: String::new(),
    mode: app::Mode::Busy,
    payload: app::Payload::Number(3),
    keys: Vec::new(),
    pair: (1, 2),
    boxed: None,
    array: [0; 5],
    letter: 'x',
    function: same,
    text: "a",
    huge: 3,
    unit: (),
    line: app::Line { count: 1 },
    yes: true,
};

fn same(number: u32) -> u32 {
    number
}
