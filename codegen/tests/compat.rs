//! What changes between two releases, and whom it hurts. Each file of `compat/` holds an old and a new schema, divided by
//! a line `// becomes`; what is said of them is in `snapshots/compat/`. A file called as a rule shows that rule, so that
//! every rule has one, `RULE+words` shows it once more; `legal-*` breaks no table and no decoder, `grown-*` is versioned and breaks something all the same.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use inspect_gen::check::Options;
use inspect_gen::compile::{compile_kept, releases};
use inspect_gen::diag::{Diagnostics, render};
use inspect_gen::model::Model;
use inspect_gen::release::{
    self, Change, Consequence, Difference, Fact, ItemKind, Lock, Release, Severity, Subject,
    ValueForm, Verdict, facts_of, rule, rules,
};
use inspect_gen::source::{FileId, SourceMap};
use inspect_gen::syntax::ast;

/// No schema changes a fingerprint and nothing else, and each has an entry: a lock has to be edited.
const WITHOUT_PAIR: [&str; 3] = ["fingerprint-changed", "entry-added", "entry-removed"];

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat");
    let entries = std::fs::read_dir(folder).expect("the folder of pairs");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The rule that a pair shows.
fn rule_of(name: &str) -> &str {
    name.split('+').next().unwrap_or_default()
}

/// The schemas of a text: each begins with its header.
fn sources(name: &str, text: &str) -> SourceMap {
    let mut sources = SourceMap::new();
    let mut files: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.starts_with("schema ") || files.is_empty() {
            files.push(String::new());
        }
        if let Some(file) = files.last_mut() {
            file.push_str(line);
            file.push('\n');
        }
    }
    for (index, file) in files.into_iter().filter(|file| !file.trim().is_empty()).enumerate() {
        let number = if index == 0 { String::new() } else { (index + 1).to_string() };
        sources.add(format!("{name}{number}.inspect"), file, false);
    }
    sources
}

struct Compiled {
    sources: SourceMap,
    model: Model,
    files: Vec<ast::File>,
}

fn compiled(name: &str, text: &str) -> Compiled {
    let mut sources = sources(name, text);
    let (model, found, files) = compile_kept(&mut sources, Diagnostics::new(), &Options::default());
    let found = found.into_sorted();
    let model = model.unwrap_or_else(|| {
        panic!("{name} of {text}\n{}", render::human(&sources, &found, false));
    });
    Compiled { sources, model, files }
}

/// Compares two texts by way of a lock, whose text joins the sources.
fn judged(old: &str, new: &str) -> (Verdict, SourceMap) {
    let old = Release::of(&compiled("old", old).model);
    let text = release::print(&Lock { release: old, exceptions: Vec::new() });
    judged_lock(&text, new)
}

fn judged_lock(lock: &str, new: &str) -> (Verdict, SourceMap) {
    let mut new = compiled("new", new);
    let file = new.sources.add("inspect.lock", lock, true);
    let lock = release::parse(lock, file).unwrap_or_else(|error| panic!("{error:?}"));
    let releases =
        releases(&new.sources, &new.files, &new.model, &Options::default(), &lock.release)
            .unwrap_or_else(|found| panic!("{:#?}", found.into_sorted()));
    let mut verdict = release::judge(&lock.release, releases.then(), &releases.now, true);
    verdict.except(&lock.exceptions);
    (verdict, new.sources)
}

fn halves(text: &str) -> (&str, &str) {
    text.split_once("// becomes\n").expect("a line `// becomes`")
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/compat");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn hurts_tables(difference: &&Difference) -> bool {
    let outcome = difference.outcome();
    let hurt = [Consequence::Table, Consequence::Decoders];
    outcome.severity == Severity::Break && hurt.iter().any(|it| outcome.consequences.has(*it))
}

#[test]
fn every_pair_is_judged_as_it_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let name = stem(&case);
        let text = std::fs::read_to_string(&case).expect("a pair");
        let (old, new) = halves(&text);
        let (verdict, sources) = judged(old, new);
        let found: BTreeSet<&str> = verdict.differences.iter().map(|it| it.rule.name).collect();
        let hurt = verdict.differences.iter().filter(hurts_tables).count();
        if name.starts_with("legal-") {
            if hurt > 0 {
                wrong.push(format!("{name}: {found:?}"));
            }
        } else if name.starts_with("grown-") {
            if hurt == 0 {
                wrong.push(format!("{name}: {found:?}"));
            }
        } else if !found.contains(rule_of(&name)) {
            wrong.push(format!("{name} is not found, but {found:?}"));
        }
        let human = release::human(&verdict, &sources, false);
        let json = release::json(&verdict, &sources);
        for line in json.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
        snapshot(&name, &format!("{human}\n{json}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing changes for whoever changes nothing.
#[test]
fn the_same_is_the_same() {
    for case in cases() {
        let text = std::fs::read_to_string(&case).expect("a pair");
        let (old, new) = halves(&text);
        for text in [old, new] {
            let (verdict, _) = judged(text, text);
            assert!(verdict.differences.is_empty(), "{}", stem(&case));
        }
    }
}

#[test]
fn every_rule_has_a_pair_and_every_fact_has_rules() {
    let names: BTreeSet<String> = cases().iter().map(|case| stem(case)).collect();
    let mut seen = BTreeSet::new();
    for rule in rules() {
        assert!(seen.insert(rule.name), "{} stands there twice", rule.name);
        let kebab = rule.name.chars().all(|char| char.is_ascii_lowercase() || char == '-');
        assert!(kebab && !rule.name.starts_with('-'), "{}", rule.name);
        let shown = names.contains(rule.name) || WITHOUT_PAIR.contains(&rule.name);
        assert!(shown, "{} has no pair in tests/compat", rule.name);
    }
    for name in &names {
        let known = seen.contains(rule_of(name));
        assert!(known || name.starts_with("legal-") || name.starts_with("grown-"), "{name}");
    }
    for subject in Subject::ALL {
        let has = |change| assert!(rule(subject, change).is_some(), "{subject:?}: {change:?}");
        [Change::Added, Change::Removed].into_iter().for_each(has);
        for fact in facts_of(subject).iter().copied() {
            match fact.form() {
                ValueForm::Yes => {
                    [Change::Set(fact), Change::Cleared(fact)].into_iter().for_each(has);
                }
                _ => has(Change::Changed(fact)),
            }
        }
    }
    for change in [Change::Lowered, Change::Fingerprint] {
        assert!(rule(Subject::Schema, change).is_some());
    }
    assert!(rule(Subject::EnumMember, Change::AddedToClosed).is_some());
    for fact in Fact::ALL {
        let used = Subject::ALL.into_iter().any(|subject| facts_of(subject).contains(fact));
        assert!(used, "{fact:?} is said of nothing");
    }
}

/// What is said of a subject is on its list: a lock that says something else could not be read again.
#[test]
fn nothing_is_said_that_has_no_rule() {
    let mut models = vec![support::model_of_repository()];
    for case in cases() {
        let text = std::fs::read_to_string(&case).expect("a pair");
        let (old, new) = halves(&text);
        models.extend([compiled("old", old).model, compiled("new", new).model]);
    }
    for model in models {
        let released = Release::of(&model);
        for item in released.schemas.values().flat_map(|schema| &schema.items) {
            let known = facts_of(Subject::of_item(item.kind));
            for (fact, value) in item.facts.iter() {
                assert!(known.contains(&fact), "{fact:?} of {:?}", item.kind);
                assert_form(fact, value);
            }
            let known = Subject::of_member(item.kind).map_or(&[][..], facts_of);
            for (fact, value) in item.members.iter().flat_map(|member| member.facts.iter()) {
                assert!(known.contains(&fact), "{fact:?} of a member of {:?}", item.kind);
                assert_form(fact, value);
            }
        }
        let lock = Lock { release: released, exceptions: Vec::new() };
        let text = release::print(&lock);
        let again =
            release::parse(&text, FileId(0)).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        assert_eq!(again, lock);
    }
}

fn assert_form(fact: Fact, value: &release::Value) {
    use release::Value;
    let fits = match fact.form() {
        ValueForm::Yes => *value == Value::Yes,
        ValueForm::Number => matches!(value, Value::Number(_)),
        ValueForm::PerTarget => matches!(value, Value::Number(_) | Value::PerTarget(_)),
        ValueForm::Text => matches!(value, Value::Text(_)),
    };
    assert!(fits, "{fact:?} is {value:?}");
}

/// A declaration may stand anywhere: the lock does not tell.
#[test]
fn the_order_of_declarations_means_nothing() {
    let parts = [
        "enum e: u8 { b = 1, a = 0, .. }",
        "struct s { a: u32, e: e }",
        "class c: [s];",
        "const N: u32 = 1;",
        "consumer who { allow: [class c, class d] }",
        "class d: u64;",
    ];
    let text = |parts: Vec<&str>| {
        let text = format!("schema demo version 1;\n{}\n", parts.join("\n"));
        let release = Release::of(&compiled("new", &text).model);
        release::print(&Lock { release, exceptions: Vec::new() })
    };
    let turned = parts.iter().rev().copied().map(|part| match part {
        "consumer who { allow: [class c, class d] }" => {
            "consumer who { allow: [class d, class c] }"
        }
        other => other,
    });
    assert_eq!(text(parts.to_vec()), text(turned.collect()));
}

#[test]
fn a_fingerprint_that_changed_alone_is_found() {
    let schema = "schema demo version 1;\nentry row { a: u32 }\n";
    let lock =
        Lock { release: Release::of(&compiled("old", schema).model), exceptions: Vec::new() };
    let text = release::print(&lock);
    let at = text.find("fingerprint 1 0x").expect("a fingerprint") + "fingerprint 1 0x".len();
    let edited = format!("{}0000000000000000{}", &text[..at], &text[at + 16..]);
    let (verdict, sources) = judged_lock(&edited, schema);
    let names: Vec<&str> = verdict.differences.iter().map(|it| it.rule.name).collect();
    assert_eq!(names, ["fingerprint-changed"]);
    snapshot("fingerprint-changed", &release::human(&verdict, &sources, false));
    let is_entry = |line: &&str| line.contains("offset=64") || line.starts_with("  entry row ");
    let rest: Vec<&str> = text.lines().filter(|line| !is_entry(line)).collect();
    let rest = rest.join("\n");
    let (verdict, _) = judged_lock(&rest, schema);
    let names: Vec<&str> = verdict.differences.iter().map(|it| it.rule.name).collect();
    assert_eq!(names, ["entry-added"]);
}

#[test]
fn exceptions_let_one_break_pass_and_have_to_apply() {
    let old = "schema demo version 1;\nstruct s { a: u32, b: u32 }\n";
    let new = "schema demo version 1;\nstruct s { b: u32, a: u32 }\n";
    let lock = Lock { release: Release::of(&compiled("old", old).model), exceptions: Vec::new() };
    let text = release::print(&lock);
    let with = |lines: &str| text.replacen("version 1\n", &format!("version 1\n{lines}"), 1);
    let one = "  except field-moved struct s.a \"nobody reads it\"\n";
    let (verdict, sources) = judged_lock(&with(one), new);
    assert!(verdict.has_breaks() && verdict.idle.is_empty());
    assert!(release::human(&verdict, &sources, false).contains("excepted: nobody reads it"));
    let both = format!("{one}  except field-moved struct s.b \"nor that\"\n");
    let (verdict, _) = judged_lock(&with(&both), new);
    assert!(!verdict.has_breaks() && verdict.idle.is_empty());
    let (verdict, sources) = judged_lock(&with(&both), old);
    assert_eq!(verdict.idle.len(), 2);
    snapshot("idle-exceptions", &release::human(&verdict, &sources, false));
}

#[test]
fn bytes_are_named_where_bits_moved() {
    let text = |fields: &str| format!("schema demo version 1;\nstruct s {{ t: u64, {fields} }}\n");
    let (verdict, _) = judged(
        &text("level: u16 : 3, facility: u16 : 13, n: u16"),
        &text("facility: u16 : 13, level: u16 : 3, n: u16"),
    );
    let bytes: BTreeSet<String> =
        verdict.differences.iter().flat_map(|it| &it.bytes).map(ToString::to_string).collect();
    assert!(bytes.contains("bits 64..67 were `level`, are now `facility`"), "{bytes:?}");
    let (verdict, _) = judged(&text("level: u16, n: u16"), &text("facility: u16, n: u16"));
    let bytes: BTreeSet<String> =
        verdict.differences.iter().flat_map(|it| &it.bytes).map(ToString::to_string).collect();
    assert_eq!(bytes, ["bytes 8..10 were `level`, are now `facility`".to_owned()].into());
}

#[test]
fn kinds_of_items_are_all_there() {
    let kinds: BTreeSet<&str> = ItemKind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(kinds.len(), ItemKind::ALL.len());
}

/// `docs/compatibility.md` has the table of the rules. `UPDATE_DOCUMENTS=1` writes it anew.
#[test]
fn the_document_has_every_rule() {
    const MARK: &str = "<!-- rules -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let text = std::fs::read_to_string(&path).expect("the document");
    let (before, rest) = text.split_once(MARK).expect("a mark before the table");
    let end = rest.find("\n\n").map_or(rest.len(), |at| at + 1);
    let expected = release::rules_markdown();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let new = format!("{before}{MARK}{expected}{}", &rest[end..]);
        std::fs::write(&path, new).expect("the document");
        return;
    }
    assert_eq!(&rest[..end], expected, "UPDATE_DOCUMENTS=1 writes it anew");
}

/// Every promise of the document names a file that is there, and every test that it names stands in that file.
#[test]
fn every_promise_has_its_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join("docs/compatibility.md")).expect("the document");
    let table = text.split_once("| promise | test |\n|---|---|\n").expect("the promises").1;
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{} promises", rows.len());
    for row in rows {
        let cell = row.trim_end_matches(" |").rsplit_once(" | ").expect("two cells").1;
        let mut file = None;
        let mut named = 0;
        for word in cell.split('`').skip(1).step_by(2) {
            let there = [tests.join(word), root.join(word)].into_iter().find(|it| it.exists());
            if let Some(path) = there {
                file = path.is_file().then(|| std::fs::read_to_string(path).expect("a test"));
                named += 1;
            } else if let Some((folder, _)) = word.split_once('/') {
                assert!(tests.join(folder).is_dir(), "{word} is not there: {row}");
            } else if !word.contains('=') {
                let text = file.as_ref().unwrap_or_else(|| panic!("{word} is in no file: {row}"));
                let function = format!("fn {word}(");
                let is_there = text.contains(&function);
                assert!(is_there, "no test `{word}`: {row}");
            }
        }
        assert!(named > 0, "no file is named: {row}");
    }
}

/// The locks of the repository's own schemas are up to date: a change of what they hold is a change of a line there.
#[test]
fn the_locks_here_are_up_to_date() {
    let directory = support::schema_directory();
    let model = support::model_of_repository();
    let lock = Lock { release: Release::of(&model), exceptions: Vec::new() };
    let path = directory.join("inspect.lock");
    let text = std::fs::read_to_string(&path).expect("schema/inspect.lock");
    let same = text == release::print(&lock);
    assert!(same, "run `inspect-gen lock schema/` and look at what it changes");
    // The document shows some of its lines.
    let document = directory.join("../docs/compatibility.md");
    let document = std::fs::read_to_string(document).expect("the document");
    let shown = document.split_once("<!-- lock -->\n```\n").expect("the example").1;
    for line in shown.lines().take_while(|line| *line != "```") {
        assert!(text.lines().any(|it| it == line), "the lock has no line `{line}`");
    }
}
