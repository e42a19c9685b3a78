//! Consumers, in Rust and in C: one table of cases for both, random entries on which they must
//! agree, and the budget.

mod consumer {
    pub(crate) mod twin;
}
#[path = "support/rules.rs"]
mod rules;

use inspect_format::abi::CoreEntry;
use inspect_runtime::consumer::{Denial, Limit, Purse, Verdict};
use inspect_runtime::{Budget, Consumer, Rule};

const SENSITIVE: u64 = 1 << 63;
const MMIO: u64 = 1 << 60;
const VOLATILE: u64 = 1 << 62;

/// An entry as a case describes it.
struct Case {
    consumer: &'static Consumer,
    schema: u64,
    core: CoreEntry,
    name: String,
}

const fn class(schema: u64, class: u32) -> Rule {
    Rule::Class { schema, class }
}

const fn entry(class: u32, name: Option<&'static str>, instance: Option<u64>) -> Rule {
    Rule::Entry { schema: 7, class, name, instance }
}

const NOTHING: Consumer = Consumer {
    name: "nothing",
    schema: 7,
    allow: &[],
    deny: &[],
    require: 0,
    permit: 0,
    order: &[],
    budget: Budget { regions: None, name: None, bytes: None },
};

static CONSUMERS: [Consumer; 5] = [
    NOTHING,
    Consumer {
        name: "narrow",
        allow: &[
            class(7, 1),
            entry(3, Some("main"), None),
            entry(4, None, Some(5)),
            entry(5, Some("two"), Some(2)),
            class(8, 6),
        ],
        ..NOTHING
    },
    Consumer {
        name: "strict",
        allow: &[class(7, 1), class(7, 2), class(8, 1)],
        deny: &[Rule::Properties(2), entry(1, Some("secret"), None), entry(2, None, Some(4))],
        require: 1,
        ..NOTHING
    },
    Consumer {
        name: "foreign",
        allow: &[class(8, 6), class(7, 1)],
        deny: &[Rule::Properties(2 | VOLATILE)],
        ..NOTHING
    },
    Consumer {
        name: "trusted",
        allow: &[class(7, 1), Rule::Properties(SENSITIVE)],
        deny: &[class(7, 3)],
        permit: SENSITIVE,
        ..NOTHING
    },
];

fn cases() -> Vec<(Case, bool, String)> {
    include_str!("consumer/cases.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(case)
        .collect()
}

fn case(line: &'static str) -> (Case, bool, String) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |index: usize| words[index].parse::<u64>().expect(line);
    let core = CoreEntry {
        class: number(2) as u32,
        instance: number(3),
        properties: u64::from_str_radix(words[4], 16).expect(line),
        ..CoreEntry::ZERO
    };
    let consumer = CONSUMERS.iter().find(|consumer| consumer.name == words[0]).expect(line);
    let name = words[5].trim_matches('-').to_owned();
    let answer = match words[6] {
        "yes" => true,
        "no" => false,
        _ => panic!("{line}"),
    };
    (Case { consumer, schema: number(1), core, name }, answer, words[7..].join(" "))
}

fn judge(case: &Case) -> Verdict {
    case.consumer.judge(case.schema, &case.core, &case.name)
}

fn why(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allowed { rule } => format!("allow {rule}"),
        Verdict::Denied(Denial::Rule { rule }) => format!("deny {rule}"),
        Verdict::Denied(Denial::Guarded(SENSITIVE)) => "sensitive".into(),
        Verdict::Denied(Denial::Guarded(MMIO)) => "mmio".into(),
        Verdict::Denied(Denial::Guarded(_)) => "sensitive+mmio".into(),
        Verdict::Denied(Denial::Lacks(_)) => "lacks".into(),
        Verdict::Denied(Denial::NotAllowed) => "none".into(),
    }
}

#[test]
fn every_case_has_its_answer_and_its_reason() {
    for (case, answer, reason) in cases() {
        let verdict = judge(&case);
        let asked = (case.consumer.name, case.schema, case.core.class, &case.name);
        assert_eq!((verdict.is_allowed(), why(verdict)), (answer, reason), "{asked:?}");
    }
}

#[test]
fn c_gives_the_same_answers() {
    let (cases, answers): (Vec<Case>, Vec<bool>) =
        cases().into_iter().map(|(case, answer, _)| (case, answer)).unzip();
    if let Some(found) = consumer::twin::answers(&CONSUMERS, &cases) {
        assert_eq!(found, answers);
    }
}

/// Entries of every kind, many more than somebody writes by hand.
#[test]
fn c_agrees_on_random_entries() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let cases: Vec<Case> = (0..4000)
        .map(|_| Case {
            consumer: &CONSUMERS[random(5) as usize],
            schema: 7 + random(2),
            core: CoreEntry {
                class: random(8) as u32,
                instance: random(7),
                properties: random(4)
                    | [0, 0, 0, SENSITIVE, MMIO, VOLATILE, SENSITIVE | MMIO][random(7) as usize],
                ..CoreEntry::ZERO
            },
            name: ["", "main", "two", "secret"][random(4) as usize].to_owned(),
        })
        .collect();
    let answers: Vec<bool> = cases.iter().map(|case| judge(case).is_allowed()).collect();
    assert!(answers.iter().filter(|answer| **answer).count() > 200, "some are allowed");
    if let Some(found) = consumer::twin::answers(&CONSUMERS, &cases) {
        assert_eq!(found, answers);
    }
}

#[test]
fn bytes_are_forbidden_by_deny_and_by_guarded_properties_alone() {
    assert!(Denial::Rule { rule: 0 }.forbids_bytes());
    assert!(Denial::Guarded(SENSITIVE).forbids_bytes());
    assert!(!Denial::Lacks(1).forbids_bytes());
    assert!(!Denial::NotAllowed.forbids_bytes());
    // What lacks a required property and is sensitive is forbidden all the same.
    let core = CoreEntry { class: 1, properties: SENSITIVE, ..CoreEntry::ZERO };
    let Verdict::Denied(denial) = CONSUMERS[2].judge(7, &core, "") else { panic!("allowed") };
    assert!(denial.forbids_bytes());
}

#[test]
fn the_first_rule_of_the_order_counts() {
    const ORDER: &[Rule] = &[entry(3, Some("b"), None), class(7, 3), class(7, 1)];
    let consumer = Consumer { order: ORDER, ..NOTHING };
    let rank = |class, name| consumer.rank(7, &CoreEntry { class, ..CoreEntry::ZERO }, name);
    assert_eq!([rank(3, "b"), rank(3, "a"), rank(1, ""), rank(2, "")], [0, 1, 2, 3]);
    assert_eq!(consumer.rank(8, &CoreEntry { class: 1, ..CoreEntry::ZERO }, ""), 3);
}

#[test]
fn a_budget_is_spent_whole_or_not_at_all() {
    let mut purse = Purse::new(Budget { regions: Some(2), name: Some(4), bytes: Some(100) });
    assert_eq!(purse.spend(5, 1), Err(Limit::Name));
    assert_eq!(purse.spend(4, 60), Ok(()));
    assert_eq!(purse.spend(4, 41), Err(Limit::Bytes));
    assert_eq!(purse.spend(4, 40), Ok(()));
    assert_eq!(purse.spend(0, 0), Err(Limit::Regions));
    let mut endless = Purse::new(Budget::default());
    for _ in 0..3 {
        assert_eq!(endless.spend(u64::MAX, u64::MAX), Ok(()));
    }
}

#[test]
fn verdicts_read_as_sentences() {
    let texts = [
        (Verdict::Allowed { rule: 1 }, "allowed by rule 1 of `allow`"),
        (Verdict::Denied(Denial::Rule { rule: 2 }), "denied by rule 2 of `deny`"),
        (Verdict::Denied(Denial::NotAllowed), "no rule of `allow` names it"),
        (
            Verdict::Denied(Denial::Guarded(SENSITIVE)),
            "refused as `sensitive`, which the consumer does not permit by name",
        ),
        (Verdict::Denied(Denial::Lacks(4)), "lacks required properties, bits 0x4"),
    ];
    for (verdict, text) in texts {
        assert_eq!(verdict.to_string(), text);
    }
}
