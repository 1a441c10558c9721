//! The child's side: limits first, then one request after another, until the parent has no more.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::frame;
use super::request::{Request, What};
use crate::mail;

/// Bytes of stack. Less than any thread of the parent that decides has: what did not overflow here does not overflow there.
const STACK_BYTES: u64 = 2 << 20;

/// Serves the parent on the other ends of `requests` and `answers` until there are no more requests.
///
/// What is too much ends the process: by a signal, by a panic, by an allocation that is refused. An answer begins with the computing
/// time that it took, in milliseconds.
///
/// # Errors
/// A limit cannot be set, or the parent is gone.
pub fn serve(memory: u64, mut requests: impl Read, mut answers: impl Write) -> io::Result<()> {
    // No core files: they would be full of other people's mail.
    limit(Resource::Core, 0)?;
    limit(Resource::Stack, STACK_BYTES)?;
    limit(Resource::As, memory)?;
    while let Some(request) = frame::read(&mut requests)? {
        let request: Request = serde_json::from_slice(&request)?;
        let Some(bytes) = frame::read(&mut requests)? else { return Ok(()) };
        limit_computing(request.cpu)?;
        let began = computed();
        let answer = match request.what {
            What::Message => mail::read_everything(bytes),
            What::File(facts) => mail::read_file(&facts, &bytes),
        };
        let answer = answer.map_err(io::Error::other)?;
        let took = u64::try_from(computed().saturating_sub(began).as_millis()).unwrap_or(u64::MAX);
        answers.write_all(&took.to_le_bytes())?;
        answers.write_all(&frame::length(&answer))?;
        answers.write_all(&answer)?;
        answers.flush()?;
    }
    Ok(())
}

/// Computing time of this process so far.
fn computed() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.try_into().unwrap_or(0), used.tv_nsec.try_into().unwrap_or(0))
}

/// The limit is on the process's whole life: what it has used so far is added. At the limit comes SIGXCPU, which ends it.
fn limit_computing(cpu: Duration) -> io::Result<()> {
    // One more, for the second that has begun.
    limit(Resource::Cpu, computed().as_secs() + 1 + cpu.as_secs())
}

/// Sets a limit; one that was lower already stays.
fn limit(what: Resource, most: u64) -> io::Result<()> {
    let maximum = getrlimit(what).maximum;
    let current = Some(maximum.map_or(most, |maximum| most.min(maximum)));
    Ok(setrlimit(what, Rlimit { current, maximum })?)
}
