//! What processes cost, as Linux accounts for it: CPU from `/proc/PID/stat`, memory from `/proc/PID/status`.

#![allow(dead_code, reason = "each bench uses its part of this")]

pub mod mail;

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// The unit of CPU times in `/proc` (`USER_HZ`), the same on every Linux that Rust runs on.
const TICK: Duration = Duration::from_millis(10);
/// How often a running child's memory is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a process cost from start to end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// User and system time of all its threads.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// The most memory that was resident at once.
    pub peak_kib: u64,
}

/// Runs a child to its end.
pub fn cost_of(command: &mut Command) -> Cost {
    let (before, started) = (cpu("self", 15), Instant::now());
    let mut child = command.spawn().unwrap();
    let mut peak_kib = 0;
    let status = loop {
        peak_kib = peak_kib.max(memory_kib(child.id(), "VmHWM"));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    assert!(status.success(), "{command:?} ended with {status}");
    Cost { cpu: cpu("self", 15).saturating_sub(before), wall: started.elapsed(), peak_kib }
}

/// CPU that a running process has used so far.
pub fn cpu_of(pid: u32) -> Duration {
    cpu(&pid.to_string(), 13)
}

/// Two neighbouring fields of `/proc/PID/stat` (13: its own user and system time, 15: that of its ended children), counted from 0.
fn cpu(pid: &str, field: usize) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in brackets may hold spaces; two fields stand before its end.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: u32 = fields.skip(field - 2).take(2).filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// `VmRSS` or `VmHWM` of a process; 0 once it has ended.
pub fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// A process that is ended when the bench has done with it.
pub struct Running(pub Child);

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The middle one, the least and the most.
pub fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[sorted.len() / 2], sorted[0], sorted[sorted.len() - 1])
}
