//! Scripts that loop for ever or eat memory end with a fault; the process and the next message live on.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::stories::{INVOICE, input, load};
use super::*;

/// The code of the fault a body ends with, on a thread with the stack we ask for and a quarter of a second.
fn ends(body: &str) -> (&'static str, Option<usize>) {
    let text = format!("fn recurse(n) {{ recurse(n + 1) }}\nfn then(mail) {{\n{body}\n}}");
    let run = move || {
        let set = match load(&[("10-a.rhai", &text)]) {
            Ok(set) => set,
            Err(faults) => return (faults[0].code, None),
        };
        let start = Instant::now();
        let expired: Expired = Arc::new(move || start.elapsed() > Duration::from_millis(250));
        match decide(&set, &Input { expired, ..input(INVOICE) }).decision {
            Decision::Faulted(fault) => (fault.code, fault.line),
            other => panic!("{text}: {other:?}"),
        }
    };
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap()
}

#[test]
fn endless_loops_end_with_their_place() {
    let text = "fn then(mail) {\n    let i = 0;\n    loop {\n        i += 1;\n    }\n}";
    let set = load(&[("10-a.rhai", text)]).unwrap();
    let Decision::Faulted(fault) = decide(&set, &input(INVOICE)).decision else { panic!() };
    assert_eq!((fault.code, fault.message.as_str()), ("R301", "loops for ever: more than 1,000,000 operations"));
    assert!(matches!(fault.line, Some(3 | 4)), "{fault}");
    assert!(matches!(ends("try { loop { } } catch { flag(); }").0, "R301" | "R300"));
    assert_eq!(ends("recurse(0);").0, "R304");
}

#[test]
fn a_run_over_its_time_says_so_in_its_code() {
    let set = load(&[("10-a.rhai", "fn then(mail) { loop { } }")]).unwrap();
    let Decision::Faulted(fault) = decide(&set, &Input { expired: Arc::new(|| true), ..input(INVOICE) }).decision else {
        panic!()
    };
    assert_eq!(fault.code, codes::WALL_TIME);
}

#[test]
fn memory_bombs_end_with_a_fault() {
    for body in [
        "let s = \"aaaaaaaaaaaaaaaa\"; loop { s += s; }",
        "let s = \"aaaaaaaaaaaaaaaa\"; loop { s = `${s}${s}`; }",
        "let s = \"a\"; s.pad(100_000_000, 'x');",
        "let a = []; loop { a.push(\"0123456789\"); }",
        "let a = [1]; loop { a = [a, a]; }",
        "let m = #{}; loop { m = #{ a: m, b: m }; }",
        "let s = \"a\"; s.pad(500_000, 'x'); let m = #{}; let i = 0; loop { m[`k${i}`] = s + i; i += 1; }",
        "let s = \"a\"; s.pad(500_000, 'x'); let a = []; a.pad(2000, 0); let i = 0; loop { a[i] = s + i; i += 1; }",
        "let s = \"a\"; s.pad(500_000, 'x'); let m = #{ a: #{} }; let i = 0; loop { m.a[`k${i}`] = s + i; i += 1; }",
        "let s = \"a\"; s.pad(500_000, 'a'); note(s.replace(\"a\", s));",
        "let s = \"a\"; s.pad(500_000, 'a'); note(s.replace('a', s));",
        "let s = \"a\"; s.pad(500_000, 'a'); s.split(\"\");",
        "let s = \"a\"; s.pad(500_000, 'a'); s.to_chars();",
        "let m = #{}; loop { let n = #{}; n.a = m; m = n; }",
        "let a = []; loop { let b = [0]; b[0] = a; a = b; }",
        "for i in 0..1_000_000_000 { let x = i; }",
        "let f = |x| x; loop { f = [f, f].map(|g| g)[0]; }",
    ] {
        let (code, _) = ends(body);
        assert!(matches!(code, "R300" | "R301" | "R302" | "R303"), "{body}: {code}");
    }
}

#[test]
fn what_has_no_guard_is_not_there() {
    for body in [
        "eval(\"1\");",
        "let f = |x| x; f = f.curry(1);",
        "sleep(1);",
        "timestamp();",
        "let f = Fn(\"sleep\"); f.call(1);",
        "import \"x\" as y;",
        "exit();",
    ] {
        let (code, _) = ends(body);
        assert!(matches!(code, "R010" | "R011" | "R012" | "R110"), "{body}: {code}");
    }
}

#[test]
fn huge_and_deep_scripts_are_refused() {
    let deep = format!("let x = {}1{};", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(ends(&deep).0, "R010");
    let long = "flag();".repeat(20_000);
    assert_eq!(ends(&long).0, "R002");
}

#[test]
fn reading_a_long_text_counts_as_operations() {
    let body = "let s = \"a\"; s.pad(1_000_000, 'a'); loop { s.find(\"b\"); }";
    assert!(matches!(ends(body).0, "R301" | "R300"));
}
