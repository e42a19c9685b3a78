//! The lock file: printed and read again it is the same, whatever it holds; and what people and merges do to it is an
//! error with a place and a way out.

use inspect_gen::diag::render;
use inspect_gen::model::Target;
use inspect_gen::release::{
    self, Exception, Fact, Item, ItemKind, Lock, Member, Release, ReleasedSchema, Subject, Targets,
    Value, ValueForm, facts_of, rules,
};
use inspect_gen::source::{FileId, SourceMap, Span};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const GOOD: &str = "# a comment\nlock 1\ntargets x86_64 i686 mips\n\nschema demo version 2\n  \
    fingerprint 1 0x0000000000000001\n  fingerprint 2 0x0000000000000002\n  \
    struct s size=16 size[32bit]=12 align=8\n    a offset=0 size=8 type=u64\n    \
    b offset=8 size=8 size[32bit]=4 type=*void\n  entry row size=64\nend\n";

fn refused(text: &str) -> String {
    let mut sources = SourceMap::new();
    let file = sources.add("inspect.lock", text, true);
    match release::parse(text, file) {
        Ok(lock) => panic!("{lock:#?}"),
        Err(error) => render::human(&sources, &[release::unreadable(&error)], false),
    }
}

#[test]
fn a_good_lock_is_read() {
    let lock = release::parse(GOOD, FileId(0)).expect("it is good");
    let schema = &lock.release.schemas["demo"];
    assert_eq!((schema.version, schema.fingerprints.as_slice()), (2, &[1, 2][..]));
    let item = schema.item(ItemKind::Struct, "s").expect("the struct");
    let size = |name: &str| item.facts.get(Fact::Size)?.on(Target::from_name(name)?);
    assert_eq!((size("x86_64"), size("i686"), size("mips")), (Some(16), Some(12), Some(12)));
    assert!(release::parse(&GOOD.replace('\n', "\r\n"), FileId(0)).is_ok());
}

/// Each text is the good lock after one accident.
fn accidents() -> Vec<(&'static str, String)> {
    let with = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    };
    vec![
        ("empty", String::new()),
        ("not a lock", "[package]\nname = \"demo\"\n".to_owned()),
        ("a newer form", with("lock 1", "lock 2")),
        ("a form that is no number", with("lock 1", "lock one")),
        ("a merge", with("  struct", "<<<<<<< ours\n  struct")),
        ("the middle of a merge", with("    b", "=======\n    b")),
        ("cut off", GOOD.replacen("end\n", "", 1)),
        ("cut off in a line", GOOD[..GOOD.len() / 2].to_owned()),
        ("something behind the end", format!("{GOOD}schema more version 1\n")),
        ("an item twice", with("  entry", "  struct s size=16 align=8\n  entry")),
        ("a member twice", with("    b", "    a offset=8 size=8 type=u64\n    b")),
        ("a schema twice", with("end\n", "schema demo version 0\nend\n").replace("n 0", "n 1")),
        (
            "an exception twice",
            with(
                "  entry",
                "  except field-moved struct s.a \"why\"\n  except field-moved struct s.a \"so\"\n  entry",
            ),
        ),
        ("a fact twice", with("type=u64", "type=u64 type=u32")),
        ("a target twice", with("size[32bit]=12", "size[32bit]=12 size[mips]=12")),
        ("some targets only", with("size=16 size[32bit]=12", "size[32bit]=12")),
        ("an unknown target", with("mips", "sparc")),
        ("an unknown kind", with("struct s", "strcut s")),
        ("an unknown fact", with("offset=0", "ofset=0")),
        ("a fact of something else", with("entry row", "entry row key=node")),
        ("no number", with("offset=0", "offset=zero")),
        ("no value", with("type=u64", "type")),
        ("a text that does not end", with("type=u64", "type=\"u64")),
        ("an escape", with("type=u64", "type=\"\\q\"")),
        ("a missing fingerprint", with("  fingerprint 2 0x0000000000000002\n", "")),
        ("fingerprints out of order", with("fingerprint 2", "fingerprint 3")),
        ("a fingerprint cut short", with("0x0000000000000002", "0x2")),
        ("version zero", with("version 2", "version 0")),
        ("wrong indentation", with("  struct", "   struct")),
        ("a member of nothing", with("  struct s size=16 size[32bit]=12 align=8\n", "")),
        ("a member of a class", with("  entry", "  class c number=1\n    x\n  entry")),
        ("an unknown rule", with("  struct", "  except field-movd struct s.a \"why\"\n  struct")),
        ("no reason", with("  struct", "  except field-moved struct s.a\n  struct")),
        ("an empty reason", with("  struct", "  except field-moved struct s.a \"\"\n  struct")),
    ]
}

#[test]
fn every_accident_is_told_with_its_place_and_a_way_out() {
    let mut told = String::new();
    for (name, text) in accidents() {
        let message = refused(&text);
        assert!(message.contains("error[E0606]"), "{name}: {message}");
        assert!(message.contains("inspect.lock:"), "{name} has no place: {message}");
        assert!(message.contains("help: "), "{name} has no way out: {message}");
        told += &format!("## {name}\n\n{message}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/compat");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("lock-accidents", told));
}

fn place() -> Span {
    Span::new(FileId(0), 0, 0)
}

/// Texts as they come, and as nobody would write them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["u32", "[u8; 4]", "a.b", "", " ", "=", "\"", "\\", "#", "end", "[x]", "ü€"])
            .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn value(fact: Fact) -> BoxedStrategy<Value> {
    match fact.form() {
        ValueForm::Yes => Just(Value::Yes).boxed(),
        ValueForm::Number => any::<u64>().prop_map(Value::Number).boxed(),
        ValueForm::PerTarget => {
            let few = prop_oneof![0..3_u64, any::<u64>()];
            prop::array::uniform11(few).prop_map(Value::by_target).boxed()
        }
        ValueForm::Text => text().prop_map(Value::text).boxed(),
    }
}

/// Facts as lines of a lock: the parser is the only one from outside the crate that makes them.
fn facts(subject: Subject) -> impl Strategy<Value = Vec<(Fact, Value)>> {
    let known: Vec<Fact> = facts_of(subject).to_vec();
    let known: Vec<Fact> =
        known.into_iter().filter(|it| !matches!(it, Fact::Form | Fact::Name)).collect();
    let count = known.len();
    subsequence(known, 0..=count).prop_flat_map(|facts| {
        facts.into_iter().map(|fact| value(fact).prop_map(move |it| (fact, it))).collect::<Vec<_>>()
    })
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,6}(\\.[a-z]{1,3})?"
}

fn item(kind: ItemKind) -> impl Strategy<Value = Item> {
    let one = matches!(kind, ItemKind::Properties | ItemKind::Entry);
    let members = match Subject::of_member(kind) {
        Some(subject) => btree_map(name(), facts(subject), 0..4).boxed(),
        None => Just(Default::default()).boxed(),
    };
    let form = select(vec!["struct", "union", "record", "extern"]);
    (facts(Subject::of_item(kind)), members, form).prop_map(move |(mut own, members, form)| {
        if one {
            own.push((Fact::Name, Value::text("row")));
        }
        if kind == ItemKind::Struct {
            own.push((Fact::Form, Value::text(form)));
        }
        let members = members.into_iter().map(|(name, facts)| Member {
            name: name.into(),
            facts: facts.into_iter().collect(),
            place: place(),
        });
        let members = members.collect();
        let facts = own.into_iter().collect();
        Item { kind, name: "".into(), facts, members, place: place() }
    })
}

fn schema() -> impl Strategy<Value = ReleasedSchema> {
    let items: Vec<_> = ItemKind::ALL
        .into_iter()
        .map(|kind| {
            let one = matches!(kind, ItemKind::Properties | ItemKind::Entry);
            btree_map(name(), item(kind), 0..3).prop_map(move |items| {
                let named = items.into_iter().map(|(name, item)| match one {
                    true => item,
                    false => Item { name: name.into(), ..item },
                });
                named.take(if one { 1 } else { 3 }).collect::<Vec<_>>()
            })
        })
        .collect();
    (btree_map(name(), 1..9_u32, 0..2), vec(any::<u64>(), 1..4), items).prop_map(
        |(uses, fingerprints, items)| ReleasedSchema {
            version: fingerprints.len() as u32,
            uses,
            fingerprints,
            items: items.into_iter().flatten().collect(),
            place: place(),
        },
    )
}

fn lock() -> impl Strategy<Value = Lock> {
    let exception = (0..rules().len(), name(), "[^\\s].{0,12}");
    (btree_map(name(), schema(), 0..3), vec(exception, 0..3)).prop_map(|(schemas, exceptions)| {
        let first = schemas.keys().next().cloned();
        let exceptions = exceptions.into_iter().filter_map(|(rule, subject, reason)| {
            let (schema, subject) = (first.clone()?, format!("struct {subject}"));
            Some(Exception { schema, rule: &rules()[rule], subject, reason, place: place() })
        });
        let exceptions = exceptions.filter(|it| !it.reason.trim().is_empty()).collect();
        Lock { release: Release { targets: Targets::all(), schemas }, exceptions }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_is_read_again(lock in lock()) {
        let text = release::print(&lock);
        let again = release::parse(&text, FileId(0));
        prop_assert_eq!(again.as_ref(), Ok(&lock), "{}", text);
        prop_assert_eq!(release::print(&lock), text);
    }

    #[test]
    fn no_text_makes_the_parser_fall(
        cut in 0..GOOD.len(),
        more in any::<String>(),
        keep in 0..GOOD.len(),
    ) {
        let text = format!("{}{more}{}", &GOOD[..cut], &GOOD[keep..]);
        let mut sources = SourceMap::new();
        let file = sources.add("inspect.lock", text.as_str(), true);
        if let Err(error) = release::parse(&text, file) {
            let told = render::human(&sources, &[release::unreadable(&error)], false);
            prop_assert!(told.contains("E0606"));
        }
    }
}
