//! The harness against a server that stops: the whole program, with a shorter stall.
//!
//! Owns nothing but the call; what is proved, and how, is in `benches/src/self_test.rs`.

use std::process::Command;

#[test]
fn a_stall_is_not_omitted() {
    let program = env!("CARGO_BIN_EXE_squall-bench");
    let output = Command::new(program).args(["self-test", "--seconds", "0.2"]).output();
    let output = output.expect("the program was built for this test");
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{said:?}");
    assert!(said[0].contains("the stall is seen"), "{said:?}");
}
