//! A mail whose people, addresses, numbers and attachments are replaced, the same by the same, so that it can lie among the fixtures.
//!
//! What is replaced is what can be known: every address and the names beside it, the companies' domains, long numbers, telephone numbers
//! and IBANs, what stands in attachments. A name that is only written in the text is not known to be one; the check for leftovers cannot
//! find it either.

mod mime;
mod numbers;
#[cfg(test)]
mod stories;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::mail::{Address, Content};
use numbers::Numbers;

/// Microsoft's fictitious companies; when they are used up, numbered ones follow.
const DOMAINS: [&str; 8] = [
    "fabrikam.com",
    "adventure-works.com",
    "tailspintoys.com",
    "wingtiptoys.com",
    "litwareinc.com",
    "proseware.com",
    "cohowinery.com",
    "woodgrovebank.com",
];
/// Domains under which anybody has an address: they say nothing of a company.
const PUBLIC: [&str; 8] = ["gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "gmx.de", "gmx.net", "web.de", "icloud.com"];
/// Letters of a word that is replaced by itself; shorter ones are too often something else.
const WORD_MIN: usize = 4;

static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+'=-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").ok());
static QUERY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"(https?://[^\s"'<>?#]+)[?#][^\s"'<>]*"#).ok());

/// What stands for what. One of these disguises many mails, so that the same person is the same in all of them.
pub struct Disguise {
    /// Addresses and domains that stay: our own mailboxes, and what somebody wants to keep. In small letters.
    kept: BTreeSet<String>,
    own_domains: BTreeSet<String>,
    /// From what is replaced, in small letters, to what stands for it.
    words: BTreeMap<String, String>,
    domains: BTreeMap<String, String>,
    people: usize,
    numbers: Numbers,
}

impl Disguise {
    /// Nothing is known yet but our own mailboxes and the words that shall stay.
    pub fn new(own_addresses: &[String], kept: &[String]) -> Self {
        let lower = |text: &String| text.to_lowercase();
        let domain = |address: &String| address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        Self {
            kept: own_addresses.iter().chain(kept).map(lower).collect(),
            own_domains: own_addresses.iter().filter_map(domain).collect(),
            words: BTreeMap::new(),
            domains: BTreeMap::new(),
            people: 0,
            // Numbers are short: without a secret of this run, somebody could try them all.
            numbers: Numbers::new(RandomState::new().hash_one("postroom")),
        }
    }

    /// Disguises a mail.
    ///
    /// # Errors
    /// In words: what of the original is still in it. Nothing of it may be kept then.
    pub fn mail(&mut self, raw: &[u8]) -> Result<Vec<u8>, Vec<String>> {
        let content = Content::parse(raw.to_vec());
        self.learn(&content);
        let disguised = mime::disguised(raw, self);
        let left = self.leftovers(&Content::parse(disguised.clone()));
        if left.is_empty() { Ok(disguised) } else { Err(left) }
    }

    /// Learns whom and what a mail names.
    fn learn(&mut self, content: &Content) {
        let envelope = content.envelope();
        let people =
            envelope.from.iter().chain(&envelope.sender).chain(&envelope.reply_to).chain(&envelope.to).chain(&envelope.cc);
        for person in people {
            self.person(person);
        }
        for text in texts(content) {
            let found: Vec<String> =
                ADDRESS.iter().flat_map(|pattern| pattern.find_iter(&text).map(|found| found.as_str().to_owned())).collect();
            for address in found {
                self.person(&Address::new(address));
            }
        }
    }

    /// The same person under the same address has the same number.
    fn person(&mut self, person: &Address) {
        let address = person.address.to_lowercase();
        let Some((local, domain)) = address.rsplit_once('@') else { return };
        if self.kept.contains(&address) {
            return;
        }
        let new_domain = self.domain(domain);
        let known = |known: &String| known.strip_prefix("person")?.split('@').next()?.parse().ok();
        let number = self.words.get(&address).and_then(known).unwrap_or_else(|| {
            self.people += 1;
            self.people
        });
        self.words.insert(address.clone(), format!("person{number}@{new_domain}"));
        if local.chars().count() >= WORD_MIN && !is_a_role(local) {
            self.word(local, &format!("person{number}"));
        }
        let Some(name) = person.name.as_deref().map(str::trim).filter(|name| !name.is_empty() && !name.contains('@')) else {
            return;
        };
        if !is_a_role(&name.to_lowercase()) {
            self.word(name, &format!("Person {number}"));
        }
        for part in name.split(|letter: char| !letter.is_alphanumeric()).filter(|part| part.chars().count() >= WORD_MIN) {
            if !is_a_role(&part.to_lowercase()) {
                self.word(part, &format!("Person{number}"));
            }
        }
    }

    fn word(&mut self, word: &str, new: &str) {
        let word = word.to_lowercase();
        if !self.kept.contains(&word) {
            self.words.entry(word).or_insert_with(|| new.to_owned());
        }
    }

    /// What stands for a domain; our own and public ones stay.
    fn domain(&mut self, domain: &str) -> String {
        if self.own_domains.contains(domain) || self.kept.contains(domain) || PUBLIC.contains(&domain) {
            return domain.to_owned();
        }
        if let Some(known) = self.domains.get(domain) {
            return known.clone();
        }
        // A subdomain stays one: rules look at the end of a domain.
        let parent =
            self.domains.iter().find(|(known, _)| domain.ends_with(&format!(".{known}"))).map(|(_, new)| format!("mail.{new}"));
        let number = self.domains.len();
        let new = parent
            .unwrap_or_else(|| DOMAINS.get(number).map_or_else(|| format!("company{number}.example"), |name| (*name).to_owned()));
        self.domains.insert(domain.to_owned(), new.clone());
        self.words.insert(domain.to_owned(), new.clone());
        let label = |domain: &str| {
            let mut labels: Vec<&str> = domain.split('.').collect();
            labels.pop();
            labels.into_iter().max_by_key(|label| label.len()).unwrap_or_default().to_owned()
        };
        let (old, new_label) = (label(domain), label(&new));
        if old.chars().count() >= WORD_MIN && !is_a_role(&old) {
            self.word(&old, &new_label);
        }
        new
    }

    /// A text with everything that is known replaced.
    fn text(&mut self, text: &str) -> String {
        let text = match &*QUERY {
            Some(pattern) => pattern.replace_all(text, "$1").into_owned(),
            None => text.to_owned(),
        };
        let replaced = self.with_words(&text);
        self.numbers.replaced(&replaced, &self.kept)
    }

    /// A record, an answer or what is remembered with everything that is known replaced.
    pub fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, item)| (name.clone(), self.value(item))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    fn with_words(&self, text: &str) -> String {
        let mut known: Vec<&String> = self.words.keys().collect();
        // The longest first: an address before its domain.
        known.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let alternatives: Vec<String> = known.iter().map(|word| regex::escape(word)).collect();
        if alternatives.is_empty() {
            return text.to_owned();
        }
        let Ok(pattern) = RegexBuilder::new(&alternatives.join("|")).case_insensitive(true).size_limit(64 << 20).build() else {
            return text.to_owned();
        };
        let mut replaced = String::with_capacity(text.len());
        let mut done = 0;
        for found in pattern.find_iter(text) {
            let is_word = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
            let before = text.get(..found.start()).and_then(|before| before.chars().next_back());
            let after = text.get(found.end()..).and_then(|after| after.chars().next());
            let within = is_word(before) || is_word(after);
            replaced.push_str(text.get(done..found.start()).unwrap_or_default());
            done = found.end();
            match self.words.get(&found.as_str().to_lowercase()).filter(|_| !within) {
                Some(new) => replaced.push_str(new),
                None => replaced.push_str(found.as_str()),
            }
        }
        replaced.push_str(text.get(done..).unwrap_or_default());
        replaced
    }

    /// What of the originals is still in a disguised mail.
    fn leftovers(&self, content: &Content) -> Vec<String> {
        let mut left = BTreeSet::new();
        let news: BTreeSet<String> = self.words.values().map(|new| new.to_lowercase()).collect();
        for text in texts(content) {
            let text = text.to_lowercase();
            for (word, new) in &self.words {
                let stays = word == &new.to_lowercase() || news.iter().any(|new| new.contains(word.as_str()));
                if !stays && is_in(word, &text) {
                    left.insert(word.clone());
                }
            }
            left.extend(self.numbers.leftovers(&text, &self.kept));
        }
        left.into_iter().collect()
    }
}

/// Whether a word is in a text: a short one by itself, a long one within others too.
fn is_in(word: &str, text: &str) -> bool {
    let is_letter = |neighbour: Option<char>| neighbour.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        word.chars().count() > WORD_MIN || !is_letter(before) && !is_letter(after)
    })
}

/// Everything in a mail that people can read: headers, text, HTML, and what attachments say.
fn texts(content: &Content) -> Vec<String> {
    let mut texts: Vec<String> =
        content.headers().iter().filter(|header| mime::is_kept(&header.name)).map(|header| header.value.clone()).collect();
    texts.push(content.text().to_owned());
    texts.extend(content.html().map(str::to_owned));
    for attachment in content.attachments() {
        texts.extend(attachment.name().map(str::to_owned));
        texts.extend(attachment.text().ok().flatten().map(str::to_owned));
        texts.extend(attachment.reading().ok().and_then(|reading| reading.layout.clone()));
    }
    texts
}

/// Words that name a desk and not a person.
fn is_a_role(word: &str) -> bool {
    const ROLES: [&str; 24] = [
        "accounting",
        "accounts",
        "admin",
        "billing",
        "company",
        "contact",
        "credit",
        "customer",
        "daemon",
        "hello",
        "info",
        "invoice",
        "invoices",
        "mail",
        "mailer-daemon",
        "noreply",
        "no-reply",
        "office",
        "orders",
        "payable",
        "receivable",
        "sales",
        "service",
        "support",
    ];
    ROLES.contains(&word)
}
