//! The table of the rules, by subject. `docs/compatibility.md` has it too, and a test keeps that in step.

use super::{Consequence, Consequences, Outcome, Rule, Severity, Subject, bit};
use crate::release::Fact;
use crate::release::compare::Change;

const T: u8 = bit(Consequence::Table);
const D: u8 = bit(Consequence::Decoders);
const A: u8 = bit(Consequence::CAbi);
const C: u8 = bit(Consequence::CApi);
const R: u8 = bit(Consequence::RustApi);
const NONE: u8 = 0;

/// The reader that a change hurts.
#[derive(Clone, Copy)]
enum Hurts {
    /// None: it is about sources and objects.
    No,
    /// Of the old release, by tables of the new one.
    Old,
    /// Of the new release, by tables of the old one.
    New,
    /// Both.
    Both,
}
use Hurts::{Both, New, No, Old};

const fn outcome(severity: Severity, consequences: u8, hurts: Hurts) -> Outcome {
    Outcome {
        severity,
        consequences: Consequences(consequences),
        old_reader: matches!(hurts, Old | Both),
        new_reader: matches!(hurts, New | Both),
    }
}

const fn broken(consequences: u8, hurts: Hurts) -> Outcome {
    outcome(Severity::Break, consequences, hurts)
}

const fn note(consequences: u8, hurts: Hurts) -> Outcome {
    outcome(Severity::Note, consequences, hurts)
}

const NOTHING: Outcome = outcome(Severity::Nothing, NONE, No);

/// The help of what has to wait for the next version.
const SINCE: &str = "say `#[since({next})]` of it and `version {next}` of the schema";
const KEEP: &str = "leave it where it is and say `#[removed({next})]`";
const BACK: &str = "leave it as it was";
const ANEW: &str = "leave it as it was and add a new one with `#[since({next})]`; \
    the old one may be `#[deprecated({next}, ..)]`";
const VERSION: &str =
    "let `n` be the version that really did it: a released version stays what it was";
const NAMES: &str =
    "the name in the schema may change nothing here: leave the output's name as it was";
const AWAY: &str =
    "say `#[rust_name(\"..\")]` of what is new, so that no generated name has to give way to it";
const RUST: &str = "leave the fields as they were, and let what is new be a struct of its own with `#[since({next})]`; \
    with an exception in the lock it is a break that users are told of";
const PLACE: &str = "let what is new come with `#[since({next})]`, \
    and leave order, types and attributes of the rest";

const RECORD: &str = "leave the record inside as it was, and let a new one stand at the end with `#[since({next})]`: \
    records grow at the end";

macro_rules! rules {
    ($out:ident, $subject:ident: $($name:expr, $change:expr => $stray:expr, $grown:expr, $help:expr;)*) => {
        $($out.push(Rule {
            name: $name,
            subject: Subject::$subject,
            change: $change,
            stray: $stray,
            grown: $grown,
            help: $help,
        });)*
    };
}

/// The rules about ages and names, which are the same for everything that has a name.
macro_rules! named {
    ($out:ident, $subject:ident, $prefix:literal, since: $since:expr, c_name: $c:expr) => {
        rules! { $out, $subject:
            concat!($prefix, "-since-changed"), Change::Changed(Fact::Since) =>
                $since, $since, VERSION;
            concat!($prefix, "-deprecated-changed"), Change::Changed(Fact::Deprecated) =>
                note(C | R, No), note(C | R, No), VERSION;
            concat!($prefix, "-c-name-changed"), Change::Changed(Fact::CName) => $c, $c, NAMES;
            concat!($prefix, "-rust-name-changed"), Change::Changed(Fact::RustName) =>
                broken(R, No), broken(R, No), NAMES;
        }
    };
}

macro_rules! removable {
    ($out:ident, $subject:ident, $prefix:literal) => {
        rules! { $out, $subject:
            concat!($prefix, "-removal-changed"), Change::Changed(Fact::Removed) =>
                broken(C, No), note(C, No), VERSION;
        }
    };
}

/// Every rule.
#[expect(clippy::vec_init_then_push, reason = "the macro writes one row after another")]
pub(super) fn table() -> Vec<Rule> {
    use Change::{Added, AddedToClosed, Changed, Cleared, Fingerprint, Lowered, Removed, Set};
    let mut out = Vec::new();
    rules! { out, Schema:
        "schema-added", Added =>
            note(NONE, No), NOTHING, "nothing needs to be done: `inspect-gen lock` notes it";
        "schema-removed", Removed =>
            broken(T | D | C | R, New), broken(T | D | C | R, New),
            "tables that exist name it: keep its file";
        "schema-version-lowered", Lowered =>
            broken(T | D, Both), broken(T | D, Both),
            "a version only grows: say `version {next}` or the released one";
        "fingerprint-changed", Fingerprint =>
            broken(T | D, Both), broken(T | D, Both),
            "leave the entry's fields as they were released; new ones stand behind them with `#[since({next})]`";
    }
    rules! { out, Constant:
        "constant-added", Added => note(C | R, No), NOTHING, SINCE;
        "constant-removed", Removed =>
            broken(C | R, No), broken(C | R, No),
            "keep it; `#[deprecated({next}, ..)]` tells people";
        "constant-type-changed", Changed(Fact::Type) =>
            broken(C | R, No), broken(C | R, No), ANEW;
        "constant-source-changed", Changed(Fact::From) => broken(C, No), broken(C, No), BACK;
        "constant-value-changed", Changed(Fact::Value) =>
            broken(C | R, No), broken(C | R, No), ANEW;
    }
    named!(out, Constant, "constant", since: broken(C | R, No), c_name: broken(C, No));
    rules! { out, Enum:
        "enum-added", Added => note(C | R, No), NOTHING, SINCE;
        "enum-removed", Removed =>
            broken(C | R, No), broken(C | R, No),
            "keep it; `#[deprecated({next}, ..)]` tells people";
        "enum-size-changed", Changed(Fact::Size) =>
            broken(A | D, Both), note(A, No),
            "give the enum a type, as `: u32`, before it is released";
        "enum-type-changed", Changed(Fact::Type) =>
            broken(D | A | C | R, Both), broken(D | A | C | R, Both), ANEW;
        "enum-sign-changed", Changed(Fact::Signed) =>
            broken(D | A, Both), note(A, No),
            "give the enum a signed type, as `: i32`, before it is released";
        "enum-source-changed", Changed(Fact::From) => broken(C, No), broken(C, No), BACK;
        "enum-opened", Set(Fact::Open) =>
            note(NONE, No), note(NONE, No),
            "nothing needs to be done: every reader keeps unknown values";
        "enum-closed", Cleared(Fact::Open) =>
            broken(D, New), broken(D, New), "leave it open: tables may hold other values";
    }
    named!(out, Enum, "enum", since: broken(C | R, No), c_name: broken(C, No));
    rules! { out, EnumMember:
        "enum-member-added", Added => broken(T | D, Old), NOTHING, SINCE;
        "enum-member-added-to-closed", AddedToClosed =>
            broken(T | D, Old), note(D | R, Old), "let the enum be open (`..`), and say `#[since({next})]` of the member";
        "enum-member-removed", Removed => broken(D | C | R, New), broken(D | C | R, New), KEEP;
        "enum-member-value-changed", Changed(Fact::Value) =>
            broken(T | D | C | R, Both), broken(T | D | C | R, Both),
            "write the values out, `name = n`, as they were released";
    }
    named!(out, EnumMember, "enum-member", since: broken(T, Old), c_name: broken(C, No));
    removable!(out, EnumMember, "enum-member");
    rules! { out, Flags:
        "flags-added", Added => note(C | R, No), NOTHING, SINCE;
        "flags-removed", Removed =>
            broken(C | R, No), broken(C | R, No),
            "keep it; `#[deprecated({next}, ..)]` tells people";
        "flags-type-changed", Changed(Fact::Type) =>
            broken(D | A | C | R, Both), broken(D | A | C | R, Both), ANEW;
    }
    named!(out, Flags, "flags", since: broken(C | R, No), c_name: broken(C, No));
    rules! { out, Flag:
        "flag-added", Added => broken(T | D, Old), NOTHING, SINCE;
        "flag-removed", Removed => broken(D | C | R, New), broken(D | C | R, New), KEEP;
        "flag-bits-changed", Changed(Fact::Mask) =>
            broken(T | D | C | R, Both), broken(T | D | C | R, Both),
            "write the bits out, `name = n`, as they were released";
    }
    named!(out, Flag, "flag", since: broken(T, Old), c_name: broken(C, No));
    removable!(out, Flag, "flag");
    rules! { out, Properties:
        "properties-added", Added => note(C | R, No), NOTHING, SINCE;
        "properties-removed", Removed =>
            broken(T | C | R, New), broken(T | C | R, New), "keep the item: tables hold its bits";
        "properties-name-changed", Changed(Fact::Name) =>
            broken(C | R, No), broken(C | R, No), BACK;
    }
    named!(out, Properties, "properties", since: broken(C | R, No), c_name: broken(C, No));
    rules! { out, Property:
        "property-added", Added => broken(T, Old), NOTHING, SINCE;
        "property-removed", Removed => broken(T | C | R, New), broken(T | C | R, New), KEEP;
        "property-bits-changed", Changed(Fact::Mask) =>
            broken(T | C | R, Both), broken(T | C | R, Both),
            "write the bits out, `name = n`, as they were released";
    }
    named!(out, Property, "property", since: broken(T, Old), c_name: broken(C, No));
    removable!(out, Property, "property");
    structs(&mut out);
    entries(&mut out);
    policies(&mut out);
    out
}

fn structs(out: &mut Vec<Rule>) {
    use Change::{Added, Changed, Cleared, ElementsMoved, RecordMoved, Removed, Set};
    rules! { out, Struct:
        "struct-added", Added => broken(D, New), NOTHING, SINCE;
        "struct-removed", Removed =>
            broken(D | C | R, Old), broken(D | C | R, Old),
            "keep it; `#[deprecated({next}, ..)]` tells people";
        "struct-form-changed", Changed(Fact::Form) =>
            broken(D | A | C | R, Both), broken(D | A | C | R, Both), ANEW;
        "struct-size-changed", Changed(Fact::Size) => broken(D | A, Both), note(A, No), PLACE;
        "struct-align-changed", Changed(Fact::Align) => broken(A, No), note(A, No), PLACE;
        "struct-source-changed", Changed(Fact::From) => broken(C, No), broken(C, No), BACK;
        "struct-typedef-set", Set(Fact::Typedef) => broken(C, No), broken(C, No), BACK;
        "struct-typedef-cleared", Cleared(Fact::Typedef) => broken(C, No), broken(C, No), BACK;
        "struct-rust-names-changed", Changed(Fact::RustNames) => broken(R, No), broken(R, No), AWAY;
        "struct-rust-form-changed", Changed(Fact::RustForm) => broken(R, No), broken(R, No), RUST;
        "struct-rust-copy-lost", Set(Fact::RustNoCopy) => broken(R, No), broken(R, No), RUST;
        "struct-rust-copy-gained", Cleared(Fact::RustNoCopy) =>
            note(R, No), note(R, No), "nothing needs to be done";
        "struct-rust-debug-lost", Set(Fact::RustNoDebug) => broken(R, No), broken(R, No), RUST;
        "struct-rust-debug-gained", Cleared(Fact::RustNoDebug) =>
            note(R, No), note(R, No), "nothing needs to be done";
    }
    named!(out, Struct, "struct", since: broken(D | R, New), c_name: broken(D | C, Both));
    rules! { out, Field:
        "field-added", Added => broken(D | R, New), note(R, No), SINCE;
        "field-removed", Removed => broken(D | C | R, Old), broken(D | C | R, Old), KEEP;
        "field-moved", Changed(Fact::Offset) => broken(D | A, Both), note(A, No), PLACE;
        "record-field-moved", RecordMoved =>
            broken(D | A, Both), broken(D | A, Both), RECORD;
        "record-elements-moved", ElementsMoved =>
            broken(D | A, Both), broken(D | A, Both), RECORD;
        "field-bit-moved", Changed(Fact::Bit) => broken(D | A, Both), note(A, No), PLACE;
        "field-size-changed", Changed(Fact::Size) => broken(D | A, Both), NOTHING, ANEW;
        "field-width-changed", Changed(Fact::Bits) =>
            broken(D | A | C | R, Both), broken(D | A | C | R, Both), ANEW;
        "field-type-changed", Changed(Fact::Type) =>
            broken(D | C | R, Both), broken(D | C | R, Both), ANEW;
        "field-expected-changed", Changed(Fact::Expected) =>
            broken(D, Both), broken(D, Both), BACK;
        "field-count-changed", Changed(Fact::Count) =>
            broken(D | C | R, Both), broken(D | C | R, Both), ANEW;
        "field-tag-changed", Changed(Fact::Tag) =>
            broken(D | C | R, Both), broken(D | C | R, Both), ANEW;
        "field-when-changed", Changed(Fact::When) =>
            broken(D, Both), broken(D, Both),
            "add an arm with `#[since({next})]` for values that no arm has: `#[otherwise]` has all others";
        "field-list-changed", Changed(Fact::List) => broken(D, Both), broken(D, Both), ANEW;
        "field-ring-changed", Changed(Fact::Ring) => broken(D, Both), broken(D, Both), ANEW;
        "field-unit-changed", Changed(Fact::Unit) => broken(D, Both), broken(D, Both), ANEW;
        "field-display-changed", Changed(Fact::Display) =>
            note(D, No), note(D, No), "nothing needs to be done: it is shown in another form";
        "field-condition-changed", Changed(Fact::If) =>
            broken(D | C | R, New), broken(D | C | R, New), BACK;
        "field-debug-set", Set(Fact::Debug) =>
            broken(D | C | R, Old), broken(D | C | R, Old), BACK;
        "field-debug-cleared", Cleared(Fact::Debug) =>
            broken(D | C | R, New), broken(D | C | R, New), BACK;
        "field-sensitive-set", Set(Fact::Sensitive) =>
            note(T, No), note(T, No),
            "nothing needs to be done: consumers without permission see less";
        "field-sensitive-cleared", Cleared(Fact::Sensitive) =>
            note(T, No), note(T, No),
            "be sure of it: consumers without permission see it from now on";
    }
    rules! { out, Field:
        "field-rust-names-changed", Changed(Fact::RustNames) => broken(R, No), broken(R, No), AWAY;
        "field-rust-path-changed", Changed(Fact::RustPath) =>
            broken(R, No), broken(R, No),
            "let what is new stand behind the anonymous structs and unions, and leave these as they were";
    }
    named!(out, Field, "field", since: broken(D | R, New), c_name: broken(D | C, Both));
    removable!(out, Field, "field");
}

fn entries(out: &mut Vec<Rule>) {
    use Change::{Added, Changed, Cleared, Removed, Set};
    rules! { out, Entry:
        "entry-added", Added => note(NONE, No), NOTHING, "nothing needs to be done";
        "entry-removed", Removed => broken(T | D, Both), broken(T | D, Both), "keep the entry";
        "entry-name-changed", Changed(Fact::Name) => broken(C | R, No), broken(C | R, No), BACK;
        "entry-size-changed", Changed(Fact::Size) =>
            broken(T | A, Both), note(A, No),
            "new fields stand at the end, with `#[since({next})]`";
    }
    rules! { out, Entry:
        "entry-rust-names-changed", Changed(Fact::RustNames) => broken(R, No), broken(R, No), AWAY;
    }
    named!(out, Entry, "entry", since: broken(C | R, No), c_name: broken(C, No));
    rules! { out, EntryField:
        "entry-field-added", Added => broken(T | D, Both), NOTHING, SINCE;
        "entry-field-removed", Removed =>
            broken(T | D | C | R, Both), broken(T | D | C | R, Both), KEEP;
        "entry-field-moved", Changed(Fact::Offset) =>
            broken(T | D | A, Both), broken(T | D | A, Both),
            "new fields stand at the end, with `#[since({next})]`";
        "entry-field-size-changed", Changed(Fact::Size) =>
            broken(T | D | A, Both), broken(T | D | A, Both), ANEW;
        "entry-field-type-changed", Changed(Fact::Type) =>
            broken(T | D | C | R, Both), broken(T | D | C | R, Both), ANEW;
        "entry-field-default-changed", Changed(Fact::Default) =>
            broken(T | D, New), broken(T | D, New), BACK;
        "entry-field-unit-changed", Changed(Fact::Unit) => broken(D, Both), broken(D, Both), ANEW;
        "entry-field-display-changed", Changed(Fact::Display) =>
            note(D, No), note(D, No), "nothing needs to be done: it is shown in another form";
        "entry-field-sensitive-set", Set(Fact::Sensitive) =>
            note(T, No), note(T, No),
            "nothing needs to be done: consumers without permission see less";
        "entry-field-sensitive-cleared", Cleared(Fact::Sensitive) =>
            note(T, No), note(T, No),
            "be sure of it: consumers without permission see it from now on";
    }
    named!(out, EntryField, "entry-field", since: broken(T | D | R, Both), c_name: broken(C, No));
    removable!(out, EntryField, "entry-field");
    rules! { out, Class:
        "class-added", Added => broken(T, Old), NOTHING, SINCE;
        "class-removed", Removed => broken(T | C | R, New), broken(T | C | R, New), KEEP;
        "class-target-changed", Changed(Fact::Type) =>
            broken(D | C | R, Both), broken(D | C | R, Both), ANEW;
        "class-number-changed", Changed(Fact::Number) =>
            broken(T | D, Both), broken(T | D, Both),
            "say `#[number(n)]` with the released number";
        "class-key-changed", Changed(Fact::Key) =>
            note(D, No), note(D, No), "nothing needs to be done: the word is for people";
        "class-properties-changed", Changed(Fact::Properties) =>
            note(T, No), note(T, No), "be sure of it: consumers decide by these bits";
    }
    named!(out, Class, "class", since: broken(T, Old), c_name: broken(C, No));
    removable!(out, Class, "class");
}

fn policies(out: &mut Vec<Rule>) {
    use Change::{Added, Changed, Removed};
    const SEES: &str = "be sure of it: what a consumer sees changes at once, in every version";
    rules! { out, Space:
        "space-added", Added => broken(T, Old), NOTHING, SINCE;
        "space-removed", Removed =>
            broken(T | C | R, New), broken(T | C | R, New), "keep it: tables name its number";
        "space-number-changed", Changed(Fact::Number) =>
            broken(T | C | R, Both), broken(T | C | R, Both), ANEW;
        "space-section-changed", Changed(Fact::Section) => broken(T, Both), broken(T, Both), ANEW;
        "space-base-changed", Changed(Fact::Base) => broken(T, Both), broken(T, Both), ANEW;
        "space-assign-changed", Changed(Fact::Assign) =>
            note(T, No), note(T, No),
            "be sure of it: addresses that were stable may change, or the reverse";
        "space-partial-changed", Changed(Fact::Partial) =>
            note(T, No), note(T, No), "be sure of it: parts of sections are taken otherwise";
        "space-max-regions-changed", Changed(Fact::MaxRegions) =>
            note(T, No), note(T, No), "be sure of it: the limit is the hardware's";
    }
    named!(out, Space, "space", since: broken(T, Old), c_name: broken(C, No));
    rules! { out, Consumer:
        "consumer-added", Added => note(C | R, No), NOTHING, SINCE;
        "consumer-removed", Removed => broken(C | R, No), broken(C | R, No), "keep it";
        "consumer-allow-changed", Changed(Fact::Allow) => note(T, No), note(T, No), SEES;
        "consumer-deny-changed", Changed(Fact::Deny) => note(T, No), note(T, No), SEES;
        "consumer-require-changed", Changed(Fact::Require) => note(T, No), note(T, No), SEES;
        "consumer-permit-changed", Changed(Fact::Permit) => note(T, No), note(T, No), SEES;
        "consumer-order-changed", Changed(Fact::Order) => note(T, No), note(T, No), SEES;
        "consumer-regions-changed", Changed(Fact::LimitRegions) => note(T, No), note(T, No), SEES;
        "consumer-name-limit-changed", Changed(Fact::LimitName) => note(T, No), note(T, No), SEES;
        "consumer-bytes-changed", Changed(Fact::LimitBytes) => note(T, No), note(T, No), SEES;
    }
    named!(out, Consumer, "consumer", since: broken(C | R, No), c_name: broken(C, No));
}
