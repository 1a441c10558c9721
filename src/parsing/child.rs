//! The child's side: limits first, then one message after another, until the parent has no more.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::frame;
use crate::mail;

/// Bytes of stack. Less than any thread of the parent that decides has: what did not overflow here does not overflow there.
const STACK_BYTES: u64 = 2 << 20;

/// Serves the parent on the other ends of `requests` and `answers` until there are no more requests.
///
/// A message that is too much ends the process: by a signal, by a panic, by an allocation that is refused.
///
/// # Errors
/// A limit cannot be set, or the parent is gone.
pub fn serve(memory: u64, cpu: Duration, mut requests: impl Read, mut answers: impl Write) -> io::Result<()> {
    // No core files: they would be full of other people's mail.
    limit(Resource::Core, 0)?;
    limit(Resource::Stack, STACK_BYTES)?;
    limit(Resource::As, memory)?;
    while let Some(raw) = frame::read(&mut requests)? {
        limit_computing(cpu)?;
        let answer = mail::read_everything(raw).map_err(io::Error::other)?;
        answers.write_all(&frame::length(&answer))?;
        answers.write_all(&answer)?;
        answers.flush()?;
    }
    Ok(())
}

/// The limit is on the process's whole life: what it has used so far is added. At the limit comes SIGXCPU, which ends it.
fn limit_computing(cpu: Duration) -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or(0);
    // One more, for the second that has begun.
    limit(Resource::Cpu, used + 1 + cpu.as_secs())
}

/// Sets a limit; one that was lower already stays.
fn limit(what: Resource, most: u64) -> io::Result<()> {
    let maximum = getrlimit(what).maximum;
    let current = Some(maximum.map_or(most, |maximum| most.min(maximum)));
    Ok(setrlimit(what, Rlimit { current, maximum })?)
}
