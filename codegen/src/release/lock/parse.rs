//! A lock out of text that people merge, edit and cut off.
//!
//! The first fault ends it: a program wrote the file, and one fault is nearly always the only one.

use std::collections::BTreeMap;

use super::words::{AGAIN, Line, Result, Word, fault, unquoted};
use super::{Exception, FORM, Lock};
use crate::diag::nearest;
use crate::model::Target;
use crate::release::{
    Fact, Facts, Item, ItemKind, Member, Release, ReleasedSchema, Rule, Subject, Targets, Value,
    ValueForm, facts_of, rules,
};
use crate::source::{FileId, Span};

/// Words for the targets with pointers of so many bytes.
pub(super) const WIDTHS: [(&str, u8); 2] = [("32bit", 4), ("64bit", 8)];

/// What is wrong with a lock, and a way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockError {
    /// Where.
    pub span: Span,
    /// What.
    pub message: String,
    /// The way out.
    pub help: String,
    /// Another place that matters.
    pub other: Option<(Span, &'static str)>,
}

const NEWER: &str = "if a newer inspect-gen wrote it, use that one; \
    otherwise `inspect-gen lock --replace` writes it anew";

/// Reads the text of a lock file. Places in it are places in `file`.
pub fn parse(text: &str, file: FileId) -> Result<Lock> {
    refuse_conflicts(text, file)?;
    let mut parser = Parser { targets: Targets::default(), ended: false };
    let mut schemas: Vec<(String, ReleasedSchema)> = Vec::new();
    let mut exceptions = Vec::new();
    let mut state = State::Head;
    let mut offset = 0;
    for raw in text.split_inclusive('\n') {
        let line = Line::new(file, offset, raw);
        offset += raw.len();
        if line.is_empty() {
            continue;
        }
        if parser.ended {
            return Err(line.fault("nothing stands behind `end`", AGAIN));
        }
        state = parser.line(state, line, &mut schemas, &mut exceptions)?;
    }
    if !parser.ended {
        let end = Span::new(file, text.len(), text.len());
        let message = match state {
            State::Head => "the lock is empty: it begins with `lock 1`",
            _ => "the lock is cut off: its last line is `end`",
        };
        return Err(Box::new(LockError {
            span: end,
            message: message.to_owned(),
            help: AGAIN.to_owned(),
            other: None,
        }));
    }
    let targets = parser.targets;
    finish(schemas, targets, exceptions)
}

fn finish(
    schemas: Vec<(String, ReleasedSchema)>,
    targets: Targets,
    exceptions: Vec<Exception>,
) -> Result<Lock> {
    let mut sorted: BTreeMap<String, ReleasedSchema> = BTreeMap::new();
    for (name, mut schema) in schemas {
        let (expected, found) = (schema.version as usize, schema.fingerprints.len());
        if expected != found {
            let message = format!(
                "version {expected} of `{name}` has {expected} fingerprints, and {found} are here"
            );
            return Err(fault(schema.place, message, AGAIN));
        }
        sort_items(&mut schema.items)?;
        if let Some(first) = sorted.get(&name) {
            let message = format!("schema `{name}` stands here twice");
            return Err(twice(schema.place, first.place, message));
        }
        sorted.insert(name, schema);
    }
    Ok(Lock { release: Release { targets, schemas: sorted }, exceptions })
}

fn sort_items(items: &mut [Item]) -> Result<()> {
    items.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    for pair in items.windows(2) {
        let [a, b] = pair else { continue };
        if (a.kind, &a.name) == (b.kind, &b.name) {
            let (first, second) = ordered(a.place, b.place);
            let message = format!("`{} {}` stands here twice", b.word(), b.title());
            return Err(twice(second, first, message));
        }
    }
    for item in items {
        item.members.sort_by(|a, b| a.name.cmp(&b.name));
        for pair in item.members.windows(2) {
            let [a, b] = pair else { continue };
            if a.name == b.name {
                let (first, second) = ordered(a.place, b.place);
                return Err(twice(second, first, format!("`{}` stands here twice", b.name)));
            }
        }
    }
    Ok(())
}

fn ordered(a: Span, b: Span) -> (Span, Span) {
    if a <= b { (a, b) } else { (b, a) }
}

fn twice(span: Span, first: Span, message: String) -> Box<LockError> {
    let help = "a merge may have kept both: remove the one that was not released";
    let other = Some((first, "the first one"));
    Box::new(LockError { span, message, help: help.to_owned(), other })
}

/// What was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing.
    Head,
    /// `lock 1`
    Lock,
    /// `targets`
    Targets,
    /// A schema, or something of it that has no members.
    Schema,
    /// An item.
    Item,
}

fn refuse_conflicts(text: &str, file: FileId) -> Result<()> {
    const MARKS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if MARKS.iter().any(|mark| line.starts_with(mark)) {
            let span = Span::new(file, offset, offset + line.trim_end().len());
            return Err(fault(
                span,
                "the lock holds the marks of a merge that was not resolved",
                "take the lock of the branch that was released, resolve the schemas, \
                 and run `inspect-gen lock` after resolving",
            ));
        }
        offset += line.len();
    }
    Ok(())
}

struct Parser {
    targets: Targets,
    ended: bool,
}

impl Parser {
    fn line<'t>(
        &mut self,
        state: State,
        mut line: Line<'t>,
        schemas: &mut Vec<(String, ReleasedSchema)>,
        exceptions: &mut Vec<Exception>,
    ) -> Result<State> {
        let indent = line.indent;
        match (indent, state) {
            (0, State::Head) => self.form(&mut line).map(|()| State::Lock),
            (0, State::Lock) => self.read_targets(&mut line).map(|()| State::Targets),
            (0, State::Targets | State::Schema | State::Item) => {
                let word = line.expect("`schema`")?;
                match word.text {
                    "schema" => {
                        let name = line.expect("the schema's name")?.text.to_owned();
                        let version = line.version()?;
                        line.end()?;
                        schemas.push((
                            name,
                            ReleasedSchema {
                                version,
                                uses: BTreeMap::new(),
                                fingerprints: Vec::new(),
                                items: Vec::new(),
                                place: line.span,
                            },
                        ));
                    }
                    "end" => {
                        line.end()?;
                        self.ended = true;
                    }
                    _ => {
                        return Err(fault(word.span, "`schema` or `end` is expected here", NEWER));
                    }
                }
                Ok(State::Schema)
            }
            (2, State::Schema | State::Item) => {
                let Some((name, schema)) = schemas.last_mut() else {
                    return Err(line.fault("no schema is around this", AGAIN));
                };
                self.schema_line(&mut line, name, schema, exceptions)
            }
            (4, State::Item) => {
                let item = schemas.last_mut().and_then(|(_, schema)| schema.items.last_mut());
                let Some(item) = item else {
                    return Err(line.fault("no item is around this", AGAIN));
                };
                let name = line.expect("a name")?;
                let subject = Subject::of_member(item.kind);
                let Some(subject) = subject else {
                    return Err(line.fault(format!("a {} has no members", item.word()), AGAIN));
                };
                let mut facts = Facts::default();
                self.facts(&mut line, subject, &mut facts)?;
                item.members.push(Member { name: name.text.into(), facts, place: line.span });
                Ok(State::Item)
            }
            _ => Err(line.fault(
                "the line does not belong here: items are indented by two spaces, members by four",
                AGAIN,
            )),
        }
    }

    fn form(&self, line: &mut Line<'_>) -> Result<()> {
        let word = line.expect("`lock`")?;
        if word.text != "lock" {
            return Err(fault(
                word.span,
                "this is no lock: a lock begins with `lock 1`",
                "name the right file with `--lock FILE`, or write one with `inspect-gen lock`",
            ));
        }
        let word = line.expect("the form of the lock")?;
        match word.text.parse::<u32>() {
            Ok(FORM) => line.end(),
            Ok(form) if form > FORM => Err(fault(
                word.span,
                format!("the lock has form {form}, and this inspect-gen knows form {FORM}"),
                "a newer inspect-gen wrote it: use that one or a newer one",
            )),
            _ => Err(fault(word.span, "a lock begins with `lock 1`", AGAIN)),
        }
    }

    fn read_targets(&mut self, line: &mut Line<'_>) -> Result<()> {
        let word = line.expect("`targets`")?;
        if word.text != "targets" {
            return Err(fault(word.span, "`targets` is expected here", AGAIN));
        }
        let mut targets = Vec::new();
        while let Some(word) = line.word() {
            targets.push(target(word)?);
        }
        if targets.is_empty() {
            return Err(line.fault("a lock speaks about one target at least", AGAIN));
        }
        self.targets = targets.into_iter().collect();
        Ok(())
    }

    fn schema_line(
        &self,
        line: &mut Line<'_>,
        name: &str,
        schema: &mut ReleasedSchema,
        exceptions: &mut Vec<Exception>,
    ) -> Result<State> {
        let word = line.expect("an item")?;
        match word.text {
            "uses" => {
                let other = line.expect("the schema's name")?;
                let version = line.version()?;
                if schema.uses.insert(other.text.to_owned(), version).is_some() {
                    return Err(line.fault(format!("`{}` stands here twice", other.text), AGAIN));
                }
            }
            "fingerprint" => {
                let version = line.expect("the version")?;
                if version.text.parse() != Ok(schema.fingerprints.len() + 1) {
                    let message = "fingerprints stand in the order of versions, from 1 on";
                    return Err(fault(version.span, message, AGAIN));
                }
                let value = line.expect("the fingerprint")?;
                let digits = value.text.strip_prefix("0x").filter(|digits| digits.len() == 16);
                let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
                let wrong = || fault(value.span, "a fingerprint has 16 hexadecimal digits", AGAIN);
                schema.fingerprints.push(number.ok_or_else(wrong)?);
            }
            "except" => {
                let new = exception(line, name)?;
                let is_same = |it: &&Exception| {
                    (&it.schema, it.rule.name, &it.subject)
                        == (&new.schema, new.rule.name, &new.subject)
                };
                // Of two reasons one would be nobody's.
                if let Some(first) = exceptions.iter().find(is_same) {
                    let message = format!("`{}` is excepted twice", new.subject);
                    return Err(twice(new.place, first.place, message));
                }
                exceptions.push(new);
            }
            _ => {
                let item = self.item(word, line)?;
                schema.items.push(item);
                return Ok(State::Item);
            }
        }
        line.end().map(|()| State::Schema)
    }

    fn item(&self, word: Word<'_>, line: &mut Line<'_>) -> Result<Item> {
        const FORMS: [&str; 3] = ["union", "record", "extern"];
        let is_form = FORMS.contains(&word.text);
        let kind = match is_form {
            true => Some(ItemKind::Struct),
            false => ItemKind::ALL.into_iter().find(|kind| kind.word() == word.text),
        };
        let unknown = || {
            let known = ItemKind::ALL.iter().map(|kind| kind.word()).chain(FORMS);
            let meant = nearest(word.text, known.chain(["uses", "fingerprint", "except"]));
            let help = meant.map_or(NEWER.to_owned(), |meant| format!("did you mean `{meant}`?"));
            fault(word.span, format!("`{}` is no kind of item", word.text), help)
        };
        let kind = kind.ok_or_else(unknown)?;
        let name = line.expect("a name")?;
        let mut facts = Facts::default();
        let has_one = matches!(kind, ItemKind::Properties | ItemKind::Entry);
        if has_one {
            facts.say(Fact::Name, Value::text(name.text));
        }
        if kind == ItemKind::Struct {
            facts.say(Fact::Form, Value::text(word.text));
        }
        self.facts(line, Subject::of_item(kind), &mut facts)?;
        let name = if has_one { "" } else { name.text };
        Ok(Item { kind, name: name.into(), facts, members: Vec::new(), place: line.span })
    }

    fn facts(&self, line: &mut Line<'_>, subject: Subject, facts: &mut Facts) -> Result<()> {
        /// The numbers of a fact: of every target, and of some.
        #[derive(Default)]
        struct Numbers {
            common: Option<u64>,
            others: Vec<(Targets, u64)>,
        }
        let mut numbers: Vec<(Fact, Numbers)> = Vec::new();
        while let Some(word) = line.word() {
            let (key, text) = match word.text.split_once('=') {
                Some((key, text)) => (key, Some(text)),
                None => (word.text, None),
            };
            let (key, group) = match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
                Some((key, group)) => (key, Some(group)),
                None => (key, None),
            };
            let fact = self.fact(word, key, subject)?;
            let repeated = || fault(word.span, format!("`{key}` is said twice"), AGAIN);
            let number = || {
                let text = text.unwrap_or_default();
                let wrong = || fault(word.span, format!("`{key}` is a number"), AGAIN);
                text.parse::<u64>().map_err(|_| wrong())
            };
            let value = match (fact.form(), text) {
                (ValueForm::Yes, None) if group.is_none() => Value::Yes,
                (ValueForm::Number, Some(_)) if group.is_none() => Value::Number(number()?),
                (ValueForm::Text, Some(text)) if group.is_none() => {
                    Value::text(unquoted(Word { text, span: word.span })?)
                }
                (ValueForm::PerTarget, Some(_)) => {
                    let number = number()?;
                    let at = numbers.iter().position(|(known, _)| *known == fact);
                    let at = at.unwrap_or_else(|| {
                        numbers.push((fact, Numbers::default()));
                        numbers.len() - 1
                    });
                    let Some((_, entry)) = numbers.get_mut(at) else { continue };
                    match group {
                        Some(group) => entry.others.push((self.group(word, group)?, number)),
                        None if entry.common.is_some() => return Err(repeated()),
                        None => entry.common = Some(number),
                    }
                    continue;
                }
                _ => {
                    let message = format!("`{key}` is said in another form");
                    return Err(fault(word.span, message, AGAIN));
                }
            };
            if !facts.say(fact, value) {
                return Err(repeated());
            }
        }
        for (fact, Numbers { common, others }) in numbers {
            let Some(common) = common else {
                let message = format!("`{}` is said of some targets only", fact.word());
                return Err(line.fault(message, AGAIN));
            };
            let mut by_target = [common; Target::COUNT];
            let mut said = Targets::default();
            for (targets, number) in others {
                if !said.and(targets).is_empty() {
                    let message = format!("`{}` is said twice of a target", fact.word());
                    return Err(line.fault(message, AGAIN));
                }
                said = said.or(targets);
                for (target, place) in Target::all().zip(&mut by_target) {
                    if targets.has(target) {
                        *place = number;
                    }
                }
            }
            facts.say(fact, Value::by_target(by_target));
        }
        Ok(())
    }

    fn fact(&self, word: Word<'_>, key: &str, subject: Subject) -> Result<Fact> {
        let known = facts_of(subject);
        let fact = Fact::from_word(key).filter(|fact| known.contains(fact));
        let unknown = || {
            let meant = nearest(key, known.iter().map(|fact| fact.word()));
            let help = meant.map_or(NEWER.to_owned(), |meant| format!("did you mean `{meant}`?"));
            fault(
                word.span,
                format!("`{key}` is nothing that is said of a {}", subject.word()),
                help,
            )
        };
        fact.filter(|fact| !matches!(fact, Fact::Form | Fact::Name)).ok_or_else(unknown)
    }

    fn group(&self, word: Word<'_>, group: &str) -> Result<Targets> {
        if let Some((_, size)) = WIDTHS.iter().find(|(name, _)| *name == group) {
            let of_size = |target: &Target| target.info().word_size == *size;
            return Ok(self.targets.iter().filter(of_size).collect());
        }
        let names = group.split(',').map(|text| target(Word { text, span: word.span }));
        names.collect()
    }
}

fn target(word: Word<'_>) -> Result<Target> {
    let unknown = || fault(word.span, format!("`{}` is no known target", word.text), NEWER);
    Target::all().find(|target| target.name() == word.text).ok_or_else(unknown)
}

fn exception(line: &mut Line<'_>, schema: &str) -> Result<Exception> {
    let place = line.span;
    let word = line.expect("a rule")?;
    let rule: Option<&'static Rule> = rules().iter().find(|rule| rule.name == word.text);
    let Some(rule) = rule else {
        let meant = nearest(word.text, rules().iter().map(|rule| rule.name));
        let help = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "`inspect-gen compat --list-rules` prints them all".to_owned(),
        };
        return Err(fault(word.span, format!("there is no rule `{}`", word.text), help));
    };
    let mut words = Vec::new();
    while let Some(word) = line.word() {
        words.push(word);
    }
    let form = "write `except RULE ITEM \"reason\"`, as `except field-moved struct s.x \"why\"`";
    let Some((reason, subject)) = words.split_last() else {
        return Err(fault(place, "an exception names an item and a reason", form));
    };
    if subject.is_empty() || !reason.text.starts_with('"') {
        return Err(fault(reason.span, "an exception has a reason, in quotes", form));
    }
    let reason_text = unquoted(*reason)?;
    if reason_text.trim().is_empty() {
        return Err(fault(reason.span, "an exception has a reason", "say why this break is right"));
    }
    let subject: Vec<&str> = subject.iter().map(|word| word.text).collect();
    let (schema, subject) = (schema.to_owned(), subject.join(" "));
    Ok(Exception { schema, rule, subject, reason: reason_text, place })
}
