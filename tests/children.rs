//! Content that is too much for whoever parses it, and messages that the process dies of: one message waits for a person, all
//! others go on.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom::journal::MessageLine;
use postroom::parsing::{Limits, Parsing};
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, in_children, mail, statuses};

/// Looks into the content, so that it is parsed.
const RULES: [(&str, &str); 1] =
    [("10-all.rhai", "//! Looks inside.\nfn then(mail) {\n    note(`${mail.text.len}`);\n    categorise(\"Seen\");\n}\n")];

/// A child of this process, as Linux shows it.
struct Seen {
    pid: Pid,
    state: char,
    /// Hundredths of a second that it has computed.
    computed: u32,
}

/// The children with exactly these limits: stories run side by side, and each gives its own.
fn children(limits: Limits) -> Vec<Seen> {
    let marked = format!("--memory\0{}\0", limits.memory);
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else { continue };
        let read = |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        if !read("cmdline").contains(&marked) {
            continue;
        }
        let stat = read("stat");
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = fields.split(' ').collect();
        let computed = fields[11].parse::<u32>().unwrap() + fields[12].parse::<u32>().unwrap();
        found.push(Seen { pid, state: fields[0].chars().next().unwrap(), computed });
    }
    found
}

/// A child that is parsing something long.
async fn at_work(limits: Limits) -> Pid {
    until("a child at work", || children(limits).into_iter().find(|child| child.computed > 10).map(|child| child.pid)).await
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looking).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

/// Mail whose reading takes a while: millions of lines.
fn long(number: usize) -> Vec<u8> {
    mail(number, "Long", &"> x\r\n".repeat(3_000_000))
}

fn limits(memory_mib: u64) -> Limits {
    Limits { memory: memory_mib << 20, ..Limits::default() }
}

/// What became of each message, by subject.
fn ends(lines: &[MessageLine]) -> Vec<String> {
    let mut ends: Vec<String> = lines
        .iter()
        .map(|line| format!("{}: {} {}", line.subject, line.status, line.reason.as_deref().unwrap_or_default()).trim().to_owned())
        .collect();
    ends.sort();
    ends
}

/// The first mail is too much, the second is like any other; gives the reason for the first.
async fn parked(parsing: Parsing, first: Vec<u8>) -> String {
    let mut world = World::new(&RULES).await;
    world.parsing = parsing;
    world.start().await;
    world.deliver(&first);
    world.deliver(&mail(99, "Ordinary", "x"));
    let lines = world.settled(2).await;
    world.stop().await;
    let ordinary = lines.iter().find(|line| line.subject == "Ordinary").unwrap();
    assert_eq!(statuses(ordinary), ["done"]);
    let first = lines.iter().find(|line| line.subject != "Ordinary").unwrap();
    assert_eq!(first.status, "parked", "{first:?}");
    assert_eq!(world.effects(), ["patched"]);
    let reason = first.reason.clone().unwrap();
    let inner = reason.strip_prefix("the content could not be parsed: ").unwrap();
    inner.strip_suffix("; the message was left untouched").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_takes_more_memory_than_a_child_may_have_is_parked_and_the_next_is_parsed() {
    let reason = parked(in_children(limits(101)), mail(1, "Large", &"x".repeat(30_000_000))).await;
    assert_eq!(reason, "the parser ran out of memory, it may take 101 MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_much_for_a_child_is_that_files_problem_and_nothing_else_is_lost() {
    let rules = [(
        "10-all.rhai",
        "//! Looks into the files.\nfn then(mail) {\n    for file in mail.attachments { note(`${file.name}: ${file.problem ?? \"fine\"}`); }\n    \
         categorise(\"Seen\");\n}\n",
    )];
    let file = |name: &str, text: &str| {
        format!("--b\r\nContent-Type: text/csv; name={name}\r\nContent-Disposition: attachment\r\n\r\n{text}\r\n")
    };
    let wide = format!("{}\r\n", "x;".repeat(100)).repeat(60_000);
    let raw = format!(
        "From: a@fabrikam.com\r\nSubject: Table\r\nMessage-ID: <table@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n\
         {}{}--b--\r\n",
        file("wide.csv", &wide),
        file("small.csv", "a;b\r\n1;2"),
    );
    let mut world = World::new(&rules).await;
    world.parsing = in_children(limits(257));
    world.start().await;
    world.deliver(raw.as_bytes());
    let lines = world.settled(1).await;
    let story = world.engine.as_ref().unwrap().journal().story("<table@x>").await.unwrap();
    world.stop().await;
    assert_eq!(statuses(&lines[0]), ["done"]);
    let told = story.lines.iter().map(|line| line.detail.to_string()).collect::<Vec<_>>().join("\n");
    let problem = "it could not be read: the parser ran out of memory, it may take 257 MiB";
    assert!(told.contains(&format!("the attachment `wide.csv`: {problem}")), "{told}");
    assert!(told.contains(&format!("wide.csv: {problem}")) && told.contains("small.csv: fine"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_takes_more_computing_time_than_a_child_may_have_is_parked_and_the_next_is_parsed() {
    let limits = Limits { cpu: Duration::ZERO, ..limits(8_191) };
    assert_eq!(parked(in_children(limits), long(1)).await, "the parser ran out of time, it may compute for 0ns");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_killed_at_work_takes_only_its_message_with_it() {
    let limits = limits(8_192);
    let (reason, ()) = tokio::join!(parked(in_children(limits), long(1)), async {
        kill_process(at_work(limits).await, Signal::KILL).unwrap();
    });
    assert_eq!(reason, "the parser ended with signal 9");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_asked_to_end_puts_its_message_off_and_another_one_parses_it() {
    let limits = limits(8_194);
    let mut world = World::new(&RULES).await;
    world.parsing = in_children(limits);
    world.start().await;
    world.deliver(&long(1));
    kill_process(at_work(limits).await, Signal::TERM).unwrap();
    let lines = world.settled(1).await;
    let story = world.engine.as_ref().unwrap().journal().story("<1@fabrikam.com>").await.unwrap();
    world.stop().await;
    // It came as far as the rules, for which it is too long.
    assert!(lines[0].reason.as_ref().is_some_and(|reason| reason.contains("the text has 11718 KB")), "{lines:#?}");
    let put_off = story.lines.iter().find(|line| line.event == "put_off").unwrap();
    assert_eq!(put_off.detail["reason"], "the content cannot be parsed now: the parser was asked to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_gives_no_sign_is_ended() {
    let limits = Limits { silence: Duration::from_secs(8), ..limits(8_193) };
    let (reason, ()) = tokio::join!(parked(in_children(limits), long(1)), async {
        kill_process(at_work(limits).await, Signal::STOP).unwrap();
    });
    assert_eq!(reason, "the parser gave no sign for 8s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_was_killed_while_it_was_idle_is_replaced_and_all_end_with_the_engine() {
    let limits = limits(511);
    let mut world = World::new(&RULES).await;
    world.parsing = in_children(limits);
    world.start().await;
    world.deliver(&mail(1, "One", "x"));
    world.settled(1).await;
    let idle = children(limits);
    assert_eq!(idle.len(), 1);
    kill_process(idle[0].pid, Signal::KILL).unwrap();
    until("its end", || children(limits).iter().all(|child| child.state == 'Z').then_some(())).await;
    world.deliver(&mail(2, "Two", "x"));
    let lines = world.settled(2).await;
    assert_eq!(ends(&lines), ["One: planned", "Two: planned"]);
    assert_eq!(children(limits).len(), 1);
    world.stop().await;
    assert_eq!(children(limits).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_makes_way_for_another_after_so_many_messages() {
    let limits = Limits { messages: 2, ..limits(510) };
    let mut world = World::new(&RULES).await;
    world.parsing = in_children(limits);
    world.start().await;
    let mut seen = Vec::new();
    for number in 1..=4 {
        world.deliver(&mail(number, "One", "x"));
        world.settled(i64::try_from(number).unwrap()).await;
        seen.push(children(limits).iter().map(|child| child.pid).collect::<Vec<_>>());
    }
    world.stop().await;
    assert!(seen[0].len() == 1 && seen[2].len() == 1 && seen[0] != seen[2], "{seen:?}");
    assert!(seen[1].is_empty() && seen[3].is_empty(), "{seen:?}");
}

/// A program that is no parser.
fn script(dir: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join("parser");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_parks_the_message_and_a_parser_that_cannot_be_started_puts_it_off() {
    let dir = tempfile::tempdir().unwrap();
    let children = |program| Parsing::Children { program, limits: Limits::default() };
    for (text, reason) in [
        (
            // How long it took, then how long the answer is.
            "printf '\\000\\000\\000\\000\\000\\000\\000\\000\\002\\000\\000\\000\\000\\000\\000\\000{}'; exec /bin/cat >/dev/null",
            "something else than a message (missing field `parsed`",
        ),
        ("exec /bin/cat", "what is in it unfolds to "),
        ("echo 'no such thing' >&2; exit 7", "the parser ended with code 7: no such thing"),
    ] {
        let mut world = World::new(&RULES).await;
        world.parsing = children(script(dir.path(), text));
        world.start().await;
        world.deliver(&mail(1, "One", "x"));
        let lines = world.settled(1).await;
        world.stop().await;
        assert!(lines[0].status == "parked" && lines[0].reason.as_ref().unwrap().contains(reason), "{lines:#?}");
    }
    let mut world = World::new(&RULES).await;
    world.parsing = children(dir.path().join("none"));
    world.start().await;
    world.deliver(&mail(1, "One", "x"));
    let journal = world.engine.as_ref().unwrap().journal().clone();
    let told = loop {
        let mut bell = journal.bell();
        let lines = journal.story("<1@fabrikam.com>").await.map(|story| story.lines).unwrap_or_default();
        if let Some(line) = lines.into_iter().find(|line| line.event == "put_off") {
            break line.detail["reason"].as_str().unwrap().to_owned();
        }
        bell.changed().await.unwrap();
    };
    world.stop().await;
    assert!(told.contains("cannot be started: No such file or directory"), "{told}");
}
