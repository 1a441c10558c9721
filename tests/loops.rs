//! Automatic mail that could go on for ever: two engines that answer each other, and one sender who never ends.

use postroom::clock::Clock;
use postroom::simulator::{MailboxSeed, Options, Simulator};

use crate::world::{MAILBOX, World, mail};

const THEIRS: &str = "desk@fabrikam.com";

const ANSWERS: [(&str, &str); 2] = [
    ("10-answers.rhai", "//! Answers every mail.\nfn then(mail) { reply(\"a.html\", #{}); }\n"),
    ("templates/a.html", "<p>Thank you.</p>\n"),
];

/// What a relay on the way leaves of the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relay {
    Faithful,
    /// It takes out all that says that a program wrote the mail.
    Strips,
}

/// Whether a header says that a program wrote the mail.
fn tells_of_a_program(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default().to_lowercase();
    ["auto-submitted", "x-auto-response-suppress", "x-postroom-action", "precedence"].contains(&name.as_str())
        || name.starts_with("x-ms-exchange")
}

impl Relay {
    fn carry(self, raw: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(raw.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut headers: Vec<String> = Vec::new();
        for line in head.split("\r\n") {
            match headers.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
                Some(header) => header.extend(["\r\n", line]),
                None => headers.push(line.to_owned()),
            }
        }
        headers.retain(|header| self == Self::Faithful || !tells_of_a_program(header));
        format!("{}\r\n\r\n{body}", headers.join("\r\n")).into_bytes()
    }
}

/// Another company with a mailbox of its own, its own engine, database and key.
async fn theirs() -> World {
    let mut world = World::new(&ANSWERS).await;
    let seed = MailboxSeed { address: THEIRS.into(), mail: Vec::new() };
    let options = Options { mailboxes: vec![seed], seed: 2, ..Options::new(Clock::system()) };
    std::mem::replace(&mut world.tenant, Simulator::start(options).await.unwrap()).stop().await;
    world.config.graph.base_url = format!("{}/v1.0", world.tenant.base_url());
    world.config.graph.login_url = world.tenant.base_url();
    for mailbox in world.config.mailboxes.values_mut() {
        mailbox.address = THEIRS.into();
    }
    world
}

/// Carries each answer to the other side until none comes; gives how many there were.
async fn answers_in_a_loop(relay: Relay) -> usize {
    let (mut ours, mut theirs) = (World::started(&ANSWERS).await, theirs().await);
    theirs.start().await;
    let first = String::from_utf8(mail(1, "Hello", "x")).unwrap().replace("ana1@fabrikam.com", THEIRS);
    let mut carried = vec![first.into_bytes()];
    let mut answers = 0;
    for turn in 0..12 {
        let (world, address) = if turn % 2 == 0 { (&ours, MAILBOX) } else { (&theirs, THEIRS) };
        let received = 1 + turn / 2;
        world.tenant.deliver(address, &carried.pop().unwrap()).unwrap();
        world.settled(received).await;
        if i64::try_from(world.count("sent")).unwrap() < received {
            break;
        }
        answers += 1;
        let sent = || world.tenant.mailbox(address).unwrap()["folders"]["Sent Items"].as_array().map_or(0, Vec::len);
        while i64::try_from(sent()).unwrap() < received {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        carried.push(relay.carry(&world.tenant.content(address, "Sent Items", "RE: Hello").unwrap()));
    }
    ours.stop().await;
    theirs.stop().await;
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn two_postrooms_that_answer_every_mail_stop_at_once() {
    assert_eq!(answers_in_a_loop(Relay::Faithful).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_postrooms_that_answer_every_mail_stop_after_one_answer_each_when_nothing_tells_of_a_program() {
    assert_eq!(answers_in_a_loop(Relay::Strips).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_mails_of_one_sender_in_many_spellings_get_one_answer() {
    const MAILS: usize = 2_000;
    let mut world = World::new(&ANSWERS).await;
    for number in 0..MAILS {
        let spelling = ["ana1@fabrikam.com", "Ana1@Fabrikam.com", "ana1+a@fabrikam.com", "a.n.a.1@fabrikam.com"][number % 4];
        let raw = String::from_utf8(mail(number, "Hello", "x")).unwrap();
        world.deliver(raw.replace(&format!("ana{number}@fabrikam.com"), spelling).as_bytes());
    }
    world.start().await;
    let journal = world.engine.as_ref().unwrap().journal();
    let mut bell = journal.bell();
    let all = i64::try_from(MAILS).unwrap();
    let worked_off = async {
        loop {
            bell.borrow_and_update();
            let counts = journal.counts().await.unwrap();
            if counts.messages == all && counts.undecided == 0 && counts.open == 0 {
                break;
            }
            bell.changed().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(2), worked_off).await.unwrap();
    world.stop().await;
    assert_eq!(world.count("sent"), 1);
}
