//! The parent's side: children that are started when needed, used again, and ended with the pool.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::process::Signal;

use super::frame::{LENGTH_BYTES, length};
use super::request::Request;
use super::{Limits, Unparsed};
use crate::mail;

/// Children at the same time: parsing is a small part of deciding, and each may take its memory.
const CHILDREN_MAX: usize = 2;
/// Bytes read at once.
const CHUNK: usize = 16 << 10;
/// Bytes of a dead child's last words.
const LAST_WORDS_MAX: u64 = 4 << 10;

/// The children.
pub(super) struct Pool {
    program: PathBuf,
    limits: Limits,
    state: Mutex<State>,
    /// A child is idle, or there is room for one.
    room: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Child>,
    /// Children at work.
    busy: usize,
}

/// One child with its pipes. It is ended and waited for when it is dropped.
struct Child {
    process: Process,
    requests: ChildStdin,
    answers: ChildStdout,
    errors: ChildStderr,
    parsed: u32,
}

/// What an answer cost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// Computing time of the child.
    pub(super) computing: Duration,
    /// Bytes of the answer.
    pub(super) bytes: usize,
}

/// Why a child gave no answer.
enum Failed {
    /// Its pipes ended: it died.
    Died,
    /// It gave no sign for too long.
    Silent,
    /// Its answer has so many bytes.
    TooLarge(usize),
    /// Its answer is not one.
    Garbage(String),
}

impl Pool {
    pub(super) fn new(program: PathBuf, limits: Limits) -> Self {
        Self { program, limits, state: Mutex::default(), room: Condvar::new() }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Asks a child, and lets `take` make something of the bytes and the answer; gives the computing time that it took, too.
    pub(super) fn ask<B: AsRef<[u8]>, T>(
        &self,
        request: &Request,
        bytes: B,
        take: impl FnOnce(B, &[u8]) -> Result<T, String>,
    ) -> Result<(T, Cost), Unparsed> {
        let mut place = Place { pool: self, child: self.take() };
        let mut child = match place.child.take() {
            Some(child) => child,
            None => Child::start(&self.program, self.limits)
                .map_err(|error| Unparsed::NoChild(format!("{} cannot be started: {error}", self.program.display())))?,
        };
        let answer = child.ask(request, bytes.as_ref(), self.limits.silence);
        let taken = answer.and_then(|(answer, took)| {
            let cost = Cost { computing: took, bytes: answer.len() };
            Ok((take(bytes, &answer).map_err(Failed::Garbage)?, cost))
        });
        match taken {
            Ok(taken) => {
                place.child = (child.parsed < self.limits.messages).then_some(child);
                Ok(taken)
            }
            Err(failed) => Err(child.end(&failed, self.limits)),
        }
    }

    /// Waits for a place; gives the idle child that goes with it.
    fn take(&self) -> Option<Child> {
        let none = |state: &mut State| state.busy >= CHILDREN_MAX;
        let mut state = self.room.wait_while(self.state(), none).unwrap_or_else(PoisonError::into_inner);
        state.busy += 1;
        // One that was ended while it was idle has nothing to do with the next message.
        std::iter::from_fn(|| state.idle.pop()).find_map(|mut child| child.is_alive().then_some(child))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among the children, given back however the parsing ends, with the child that can be used again.
struct Place<'a> {
    pool: &'a Pool,
    child: Option<Child>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.busy -= 1;
        state.idle.extend(self.child.take());
        drop(state);
        self.pool.room.notify_one();
    }
}

impl Child {
    fn start(program: &std::path::Path, limits: Limits) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg("parse-child").args(["--memory", &limits.memory.to_string()]);
        // It needs nothing of ours: no secrets, no folder.
        command.env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C is for us: a child at work is let finish.
        command.process_group(0);
        let mut process = command.spawn()?;
        let (Some(requests), Some(answers), Some(errors)) = (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(io::Error::other("it has no pipes"));
        };
        let child = Self { process, requests, answers, errors, parsed: 0 };
        // Only our ends: the child may wait for us as long as it likes.
        ioctl_fionbio(&child.requests, true)?;
        ioctl_fionbio(&child.answers, true)?;
        Ok(child)
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Gives the answer, and the computing time that it took.
    fn ask(&mut self, request: &Request, bytes: &[u8], silence: Duration) -> Result<(Vec<u8>, Duration), Failed> {
        self.parsed += 1;
        let head = serde_json::to_vec(request).map_err(|error| Failed::Garbage(error.to_string()))?;
        for frame in [head.as_slice(), bytes] {
            self.write(&length(frame), silence)?;
            self.write(frame, silence)?;
        }
        let took = self.number(silence)?;
        let wanted = usize::try_from(self.number(silence)?).unwrap_or(usize::MAX);
        if wanted > request.what.answer_max() {
            return Err(Failed::TooLarge(wanted));
        }
        Ok((self.read(wanted, silence)?, Duration::from_millis(took)))
    }

    fn number(&mut self, silence: Duration) -> Result<u64, Failed> {
        let bytes = self.read(LENGTH_BYTES, silence)?;
        Ok(<[u8; LENGTH_BYTES]>::try_from(bytes.as_slice()).map_or(u64::MAX, u64::from_le_bytes))
    }

    fn write(&mut self, mut bytes: &[u8], silence: Duration) -> Result<(), Failed> {
        while !bytes.is_empty() {
            match self.requests.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) => wait_for(&error, PollFd::new(&self.requests, PollFlags::OUT), silence)?,
            }
        }
        Ok(())
    }

    /// So many bytes of answer.
    fn read(&mut self, wanted: usize, silence: Duration) -> Result<Vec<u8>, Failed> {
        let mut answer = Vec::new();
        let mut chunk = [0; CHUNK];
        while answer.len() < wanted {
            let room = CHUNK.min(wanted - answer.len());
            match self.answers.read(chunk.get_mut(..room).unwrap_or_default()) {
                Ok(0) => return Err(Failed::Died),
                Ok(read) => answer.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                Err(error) => wait_for(&error, PollFd::new(&self.answers, PollFlags::IN), silence)?,
            }
        }
        Ok(answer)
    }

    /// Ends the child and says what became of it.
    fn end(mut self, failed: &Failed, limits: Limits) -> Unparsed {
        match failed {
            Failed::Silent => return Unparsed::Message(format!("the parser gave no sign for {:?}", limits.silence)),
            Failed::TooLarge(bytes) => return Unparsed::Message(format!("what is in it unfolds to {bytes} bytes")),
            Failed::Garbage(what) => {
                return Unparsed::Message(format!("the parser answered something else than a message ({what})"));
            }
            Failed::Died => {}
        }
        // Its pipes have ended: it has an end of its own that this no longer changes, or clings to life without them.
        let _ = self.process.kill();
        let mut last_words = Vec::new();
        // Words that cannot be read are no loss beside the status.
        let _ = self.errors.by_ref().take(LAST_WORDS_MAX).read_to_end(&mut last_words);
        match self.process.wait() {
            Ok(status) => end_in_words(status, &String::from_utf8_lossy(&last_words), limits),
            Err(error) => Unparsed::NoChild(format!("the parser cannot be waited for: {error}")),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until a pipe that was not ready is. By the kernel's clock, which nobody can move.
fn wait_for(error: &io::Error, pipe: PollFd<'_>, silence: Duration) -> Result<(), Failed> {
    match error.kind() {
        io::ErrorKind::Interrupted => return Ok(()),
        io::ErrorKind::WouldBlock => {}
        _ => return Err(Failed::Died),
    }
    let span = Timespec { tv_sec: i64::try_from(silence.as_secs()).unwrap_or(i64::MAX), tv_nsec: silence.subsec_nanos().into() };
    match poll(&mut [pipe], Some(&span)) {
        Ok(0) => Err(Failed::Silent),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(_) => Err(Failed::Died),
    }
}

fn end_in_words(status: ExitStatus, last_words: &str, limits: Limits) -> Unparsed {
    let first = || last_words.lines().map(str::trim).find(|line| !line.is_empty()).map(mail::one_line).unwrap_or_default();
    Unparsed::Message(match status.signal().map(Signal::from_named_raw) {
        // A service that is stopped asks all its processes to end: no message's doing.
        Some(Some(Signal::TERM | Signal::INT | Signal::HUP)) => {
            return Unparsed::NoChild("the parser was asked to end".to_owned());
        }
        _ if last_words.contains("memory allocation of") => {
            format!("the parser ran out of memory, it may take {} MiB", limits.memory >> 20)
        }
        _ if last_words.contains("overflowed its stack") => "the parser ran out of stack".to_owned(),
        Some(Some(Signal::XCPU)) => format!("the parser ran out of time, it may compute for {:?}", limits.cpu),
        Some(Some(signal)) => format!("the parser ended with signal {}", signal.as_raw()),
        Some(None) => "the parser ended with a signal".to_owned(),
        None => format!("the parser ended with code {}: {}", status.code().unwrap_or(-1), first()),
    })
}
