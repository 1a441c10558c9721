//! Who wrote the rules of a folder, when and why: git's last commit where the folder is a repository and nothing was edited since, else
//! the owner and the time of the newest file.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::journal::Origin;

/// How long git may take.
const GIT_MAX: Duration = Duration::from_secs(5);
/// Pause between two looks whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of its answer.
const ANSWER_MAX: u64 = 16 << 10;
/// Characters of a reason.
const REASON_MAX: usize = 200;

/// Who wrote the rules that lie in a folder now. Blocks; what cannot be found out is left open.
pub fn origin_of(dir: &Path) -> Origin {
    committed(dir).unwrap_or_else(|| owned(dir))
}

/// The last commit that changed the folder; `None` where there is none, or something in it is not as it was committed.
fn committed(dir: &Path) -> Option<Origin> {
    // Most folders lie in no repository: nobody is asked then.
    let whole = dir.canonicalize().ok()?;
    whole.ancestors().find(|above| above.join(".git").exists())?;
    if !git(dir, &["status", "--porcelain", "--", "."])?.trim().is_empty() {
        return None;
    }
    let log = git(dir, &["log", "-1", "--format=%an%x1f%ct%x1f%s", "--", "."])?;
    let mut parts = log.trim().splitn(3, '\u{1f}');
    let author = parts.next().filter(|author| !author.is_empty())?.to_owned();
    let seconds: i64 = parts.next()?.parse().ok()?;
    let reason = parts.next().filter(|reason| !reason.is_empty());
    let reason = reason.map(|reason| reason.chars().take(REASON_MAX).collect());
    Some(Origin { author: Some(author), written_at: Some(seconds.checked_mul(1_000)?), reason })
}

/// What git answers; `None` where there is no git, no repository, or no answer in time.
fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new("git")
        // Neither a monitor that the repository names is started, nor anything written or asked.
        .args(["-c", "core.fsmonitor=false", "-C"])
        .arg(dir)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let clock = Clock::system();
    let since = clock.stopwatch();
    let ended = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if since.elapsed() < GIT_MAX => std::thread::sleep(LOOK),
            Ok(None) | Err(_) => break None,
        }
    };
    if ended.is_none() {
        // One that has ended meanwhile is as good as killed.
        let _ = child.kill();
        let _ = child.wait();
    }
    let mut answer = String::new();
    let read = child.stdout.take()?.take(ANSWER_MAX).read_to_string(&mut answer);
    ended.filter(|status| status.success() && read.is_ok()).map(|_| answer)
}

/// The owner and the time of the newest file.
fn owned(dir: &Path) -> Origin {
    let folders = [dir.to_owned(), dir.join("lib"), dir.join("templates")];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
    let newest = files
        .filter_map(|path: PathBuf| {
            let about = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
            Some((Timestamp::try_from(about.modified().ok()?).ok()?.as_millisecond(), about))
        })
        .max_by_key(|(at, _)| *at);
    newest.map_or_else(Origin::default, |(at, about)| Origin { author: Some(owner(&about)), written_at: Some(at), reason: None })
}

#[cfg(unix)]
fn owner(about: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    let uid = about.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {uid}"))
}

#[cfg(not(unix))]
fn owner(_about: &std::fs::Metadata) -> String {
    "somebody".to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_folder_of_files_has_an_owner_and_a_time_and_a_repository_has_a_reason_until_something_is_edited() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("rules");
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join("10-a.rhai"), "fn then(mail) {}").unwrap();
        let owned = origin_of(&dir);
        assert!(owned.author.is_some() && owned.written_at.is_some() && owned.reason.is_none(), "{owned:?}");
        let run = |arguments: &[&str]| {
            let who = ["-c", "user.name=Ana", "-c", "user.email=ana@contoso.com", "-c", "commit.gpgsign=false"];
            Command::new("git")
                .arg("-C")
                .arg(place.path())
                .args(who)
                .args(arguments)
                .output()
                .is_ok_and(|output| output.status.success())
        };
        if !run(&["init", "-q"]) {
            return;
        }
        assert!(run(&["add", "."]) && run(&["commit", "-q", "-m", "Reminders go to accounting"]));
        let committed = origin_of(&dir);
        assert_eq!((committed.author.as_deref(), committed.reason.as_deref()), (Some("Ana"), Some("Reminders go to accounting")));
        std::fs::write(dir.join("20-b.rhai"), "fn then(mail) {}").unwrap();
        assert_eq!(origin_of(&dir).reason, None);
    }

    #[test]
    fn a_folder_that_is_not_there_tells_nothing() {
        assert_eq!(origin_of(Path::new("/nowhere/rules")), Origin::default());
    }
}
