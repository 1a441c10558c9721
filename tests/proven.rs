//! The part of the proof that runs with every test.

use std::time::Duration;

use postroom::simulator::{Chance, Deed, Habit, Moods, Span};
use serde_json::{Value, json};

use crate::proof::points::Tally;
use crate::proof::simulated::{Lab, MAILBOX, Surroundings, Worked, in_virtual_time, mail};
use crate::proof::{points, seeds};

fn points_of(scenarios: impl Iterator<Item = &'static points::Scenario>) {
    let mut tally = points::Tally::default();
    let started = std::time::Instant::now();
    for scenario in scenarios {
        tally.add(points::run(scenario));
    }
    eprintln!("{} cases, {} deaths, {} parked in {:?}", tally.cases, tally.deaths, tally.parked, started.elapsed());
    assert_nothing_is_wrong(&tally);
}

fn assert_nothing_is_wrong(tally: &points::Tally) {
    assert!(tally.violations.is_empty(), "{} violations\n{}", tally.violations.len(), tally.violations.join("\n\n"));
}

#[test]
fn death_at_every_point_of_every_action_brings_about_each_effect_once_or_names_it() {
    points_of(points::SCENARIOS.iter().step_by(2));
}

#[test]
fn death_at_every_point_of_every_other_action_does_so_too() {
    points_of(points::SCENARIOS.iter().skip(1).step_by(2));
}

fn seeds_of(range: std::ops::Range<u64>) {
    let mut tally = points::Tally::default();
    for seed in range {
        tally.add(seeds::run(seed));
    }
    let Tally { cases, deaths, actions, parked, overtaken, .. } = &tally;
    eprintln!("{cases} seeds, {deaths} deaths, {actions} actions, {parked} parked, {overtaken} overtaken by a person's answer");
    assert_nothing_is_wrong(&tally);
    assert!(*overtaken > 0, "no person was ever first");
}

#[test]
fn a_hundred_and_fifty_seeded_days_with_everything_that_can_go_wrong_bring_about_each_effect_once_or_name_it() {
    seeds_of(1..151);
}

#[test]
fn a_hundred_and_fifty_other_days_do_so_too() {
    seeds_of(151..301);
}

#[test]
fn a_day_on_which_a_move_and_a_persons_move_make_a_second_message_beside_a_copy_of_it_does_so_too() {
    assert_nothing_is_wrong(&seeds::run(16_720));
}

#[test]
fn a_seed_that_fails_can_be_run_again() {
    for seed in [7, 42] {
        let (first, again) = (seeds::trace(seed), seeds::trace(seed));
        let differ = first.iter().zip(&again).find(|(one, other)| one != other);
        assert!(differ.is_none() && first.len() == again.len(), "seed {seed} was not the same again: {differ:#?}");
    }
}

/// A person moves the message so long after it came, while each call takes two seconds: the folders it ends in, and what waits.
fn moved_by_a_person_after(half_seconds: u64, faults: &[Value]) -> (Vec<String>, Vec<String>) {
    let after = Span::Exactly(Duration::from_millis(500 * half_seconds));
    let moods = Moods { latency: Span::Exactly(Duration::from_secs(2)), copies_after_person: Chance::ALWAYS, ..Moods::default() };
    let people = vec![Habit { deed: Deed::Move("Archive".into()), chance: Chance::ALWAYS, after }];
    in_virtual_time(async || {
        let rules = [("10-a.rhai", "//! Moves.\nfn then(mail) { move_to(\"Done\"); }\n")];
        let lab = Lab::new(&rules, &Surroundings { moods, people, faults: faults.to_vec(), ..Surroundings::default() }).await;
        lab.deliver(&mail(1, "Hello"));
        lab.start().await;
        assert!(matches!(lab.work(1, None).await, Worked::Settled(_)));
        // A person who comes late moves what lies in `Done` by then.
        tokio::time::sleep(Duration::from_mins(2)).await;
        let waiting = lab.told().await.1.into_iter().map(|line| line.reason).collect();
        let shown = lab.tenant.mailbox(MAILBOX).unwrap();
        let folders = shown["folders"].as_object().unwrap().iter();
        let holding = folders.filter(|(_, messages)| messages.as_array().is_some_and(|messages| !messages.is_empty()));
        let holding = holding.map(|(path, _)| path.clone()).collect();
        lab.end().await;
        (holding, waiting)
    })
}

#[test]
fn a_person_who_moves_a_message_at_any_moment_of_our_own_move_is_left_with_one_or_told_of_the_second() {
    left_with_one_or_told(&[]);
}

#[test]
fn so_is_one_whose_move_meets_ours_when_our_answer_is_lost() {
    left_with_one_or_told(&[json!({ "on": "move", "fault": "reset_after_effect", "times": 1 })]);
}

fn left_with_one_or_told(faults: &[Value]) {
    let mut told = 0;
    for half_seconds in 0..60 {
        let (folders, waiting) = moved_by_a_person_after(half_seconds, faults);
        match folders.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["Archive"] => assert_eq!(waiting, Vec::<String>::new()),
            ["Archive", "Done"] => {
                assert!(waiting.len() == 1 && waiting[0].contains("made a second one in `Done`"), "{half_seconds}: {waiting:?}");
                told += 1;
            }
            _ => panic!("{half_seconds}: {folders:?} {waiting:?}"),
        }
    }
    assert!(told > 0, "the moment was never met");
}
