//! Schemas made from bytes: a walk through the grammar in which each byte is one choice. They parse; they
//! need not mean anything. Blanks and comments stand in the strangest places.

/// The schema that a sequence of choices leads to.
pub(crate) fn schema(choices: &[u8]) -> String {
    let mut soup = Soup { choices, text: String::new() };
    if soup.choose(2) == 0 {
        soup.text.push_str("//! About the file.\n");
    }
    soup.words(&["schema", "a", ".", "soup", "version", "1", ";"]);
    while !soup.choices.is_empty() {
        soup.item();
    }
    soup.text.push('\n');
    soup.text
}

struct Soup<'a> {
    choices: &'a [u8],
    text: String,
}

const NAMES: [&str; 8] =
    ["a", "beta", "struct", "union", "u32", "class", "x_1", "a_rather_long_name"];

impl Soup<'_> {
    /// One of `count` ways; the first when the choices have run out.
    fn choose(&mut self, count: usize) -> usize {
        match self.choices.split_first() {
            Some((choice, rest)) => {
                self.choices = rest;
                *choice as usize % count
            }
            None => 0,
        }
    }

    /// How many of something; fewer are likelier.
    fn count(&mut self) -> usize {
        [0, 1, 1, 2, 2, 3, 5, 9][self.choose(8)]
    }

    fn word(&mut self, word: &str) {
        let gap = match self.choose(24) {
            1 => "\n",
            2 => "\n\n\n",
            3 => " /* block */ ",
            4 => " // line\n",
            5 => "\n// own line\n",
            6 => "\n\n/* two\n   lines */\n",
            7 => "\r\n\t",
            8 => " /* one *//* two */",
            _ => " ",
        };
        self.text.push_str(gap);
        self.text.push_str(word);
    }

    fn words(&mut self, words: &[&str]) {
        for word in words {
            self.word(word);
        }
    }

    fn name(&mut self) {
        let name = NAMES[self.choose(NAMES.len())];
        self.word(name);
    }

    fn docs(&mut self) {
        match self.choose(12) {
            1 => self.text.push_str("\n/// One line.\n"),
            2 => self.text.push_str(" /// Two\n///   lines.\n"),
            _ => {}
        }
    }

    fn attributes(&mut self) {
        self.docs();
        for _ in 0..[0, 0, 0, 1, 2][self.choose(5)] {
            self.words(&["#", "["]);
            self.name();
            if self.choose(2) == 1 {
                self.word("(");
                self.list(|soup| {
                    if soup.choose(3) == 1 {
                        soup.name();
                        soup.word("=");
                    }
                    soup.expression(2);
                });
                self.word(")");
            }
            self.word("]");
        }
    }

    fn list(&mut self, mut element: impl FnMut(&mut Self)) {
        let count = self.count();
        for index in 0..count {
            element(self);
            if index + 1 < count || self.choose(2) == 1 {
                self.word(",");
            }
        }
    }

    fn path(&mut self) {
        self.name();
        for _ in 0..[0, 0, 0, 1, 2][self.choose(5)] {
            self.word(".");
            self.name();
        }
        for _ in 0..[0, 0, 0, 1][self.choose(4)] {
            self.word("::");
            self.name();
        }
    }

    fn expression(&mut self, depth: usize) {
        for _ in 0..[0, 0, 0, 1, 2][self.choose(5)] {
            self.word(["-", "~"][usize::from(depth.is_multiple_of(2))]);
        }
        match self.choose(6) {
            1 => self.word("0xff_FF"),
            2 => self.word("16KiB"),
            3 => self.word("\"te xt // \\\" {\""),
            4 => self.path(),
            5 if depth > 0 => {
                self.word("(");
                self.expression(depth - 1);
                self.word(")");
            }
            _ => self.word("7"),
        }
        if depth > 0 && self.choose(3) == 1 {
            let operators = ["+", "-", "*", "/", "%", "<<", ">>", "&", "^", "|"];
            let operator = operators[self.choose(operators.len())];
            self.word(operator);
            self.expression(depth - 1);
        }
    }

    fn ty(&mut self, depth: usize) {
        match self.choose(9) {
            1 if depth > 0 => {
                self.word("*");
                self.ty(depth - 1);
            }
            2 | 3 if depth > 0 => {
                self.word("[");
                self.ty(depth - 1);
                match self.choose(3) {
                    1 => self.words(&[";", "_"]),
                    2 => {
                        self.word(";");
                        self.expression(2);
                    }
                    _ => {}
                }
                self.word("]");
            }
            4 => self.words(&["text", "<", "16", ">"]),
            5 => self.words(&["bytes", "<", "(", "1", "+", "-", "2", ")", ">"]),
            6 if depth > 0 => {
                self.word(["struct", "union"][depth % 2]);
                self.fields(depth - 1);
            }
            _ => self.path(),
        }
    }

    /// The type in the head of an item: no braces but inside brackets.
    fn head_type(&mut self) {
        for _ in 0..self.choose(3) {
            self.word("*");
        }
        if self.choose(3) == 1 {
            self.word("[");
            self.ty(2);
            self.word("]");
        } else {
            // Not `struct` or `union`, which could open braces.
            self.word("beta");
        }
    }

    fn fields(&mut self, depth: usize) {
        self.word("{");
        self.list(|soup| {
            soup.attributes();
            if depth > 0 && soup.choose(8) == 1 {
                soup.word(["struct", "union"][depth % 2]);
                soup.fields(depth - 1);
                return;
            }
            soup.name();
            soup.word(":");
            soup.ty(depth);
            if soup.choose(4) == 1 {
                soup.word(":");
                soup.expression(1);
            }
            if soup.choose(4) == 1 {
                soup.word("=");
                soup.expression(2);
            }
        });
        self.word("}");
    }

    fn members(&mut self, open: bool) {
        self.word("{");
        if open && self.choose(6) == 1 {
            self.words(&["first", ",", ".."]);
        } else {
            self.list(|soup| {
                soup.attributes();
                soup.name();
                if soup.choose(2) == 1 {
                    soup.word("=");
                    soup.expression(1);
                    if soup.choose(3) == 1 {
                        soup.word("..");
                        soup.expression(1);
                    }
                }
            });
        }
        self.word("}");
    }

    fn settings(&mut self) {
        self.word("{");
        self.list(|soup| {
            soup.name();
            soup.word(":");
            if soup.choose(2) == 1 {
                soup.word("[");
                soup.list(Self::element);
                soup.word("]");
            } else {
                soup.expression(2);
            }
        });
        self.word("}");
    }

    fn element(&mut self) {
        match self.choose(4) {
            1 => {
                self.word("class");
                self.path();
            }
            2 => {
                self.word("entry");
                self.path();
                if self.choose(2) == 1 {
                    self.words(&["(", "\"name\"", ")"]);
                }
                if self.choose(2) == 1 {
                    self.word("[");
                    self.expression(1);
                    self.word("]");
                }
            }
            3 => {
                self.word("regions");
                self.expression(1);
            }
            _ => self.word("sensitive"),
        }
    }

    fn item(&mut self) {
        let kind = self.choose(13);
        if kind == 12 {
            self.words(&["use", "other", ".", "one", "::", "{"]);
            self.list(Self::name);
            self.words(&["}", ";"]);
            return;
        }
        self.attributes();
        match kind {
            0 | 1 => self.named("const", |soup| {
                soup.word(":");
                soup.head_type();
                soup.word("=");
                soup.expression(3);
            }),
            2 => {
                self.word("extern");
                self.named("const", |soup| {
                    soup.word(":");
                    soup.head_type();
                    soup.words(&["from", "\"h.h\""]);
                });
            }
            3 => self.named("properties", |soup| soup.members(false)),
            4 => self.named("enum", |soup| {
                if soup.choose(2) == 1 {
                    soup.words(&[":", "u8"]);
                }
                soup.members(true);
            }),
            5 => {
                self.word("extern");
                self.named("enum", |soup| {
                    soup.members(true);
                    soup.words(&["from", "\"h.h\""]);
                });
            }
            6 => self.named("flags", |soup| {
                soup.words(&[":", "u8"]);
                soup.members(false);
            }),
            7 => {
                self.word("extern");
                self.named("struct", |soup| {
                    let origin = [["from", "\"h.h\""], ["in", "rust"]][soup.choose(2)];
                    soup.words(&origin);
                    soup.fields(3);
                });
            }
            8 => self.named("class", |soup| {
                soup.word(":");
                soup.head_type();
                if soup.choose(2) == 1 {
                    soup.settings();
                }
            }),
            9 => self.named("space", |soup| {
                soup.word("=");
                soup.expression(1);
                soup.settings();
            }),
            10 => self.named("consumer", Self::settings),
            _ => {
                let keyword = ["struct", "record", "entry"][self.choose(3)];
                self.named(keyword, |soup| soup.fields(3));
            }
        }
    }

    /// A keyword, a name and what follows; every item may end in `;`, those without a body must.
    fn named(&mut self, keyword: &str, rest: impl FnOnce(&mut Self)) {
        self.word(keyword);
        self.name();
        rest(self);
        let optional = self.text.ends_with(['}', '"']) && keyword != "const";
        if !optional || self.choose(3) == 1 {
            self.word(";");
        }
    }
}
