//! Compiles every program: `cases` must be refused with the message beside them, `passes` must not.
//!
//! After a change of wording run with `TRYBUILD=overwrite` and read the difference.

#[test]
fn the_tutorials_bugs_do_not_compile() {
    let programs = trybuild::TestCases::new();
    programs.pass("passes/*.rs");
    programs.compile_fail("cases/*.rs");
}
