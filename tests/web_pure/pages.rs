//! Templates: escaping, missing values, reloading, and mistakes that stop the program at its start.
//!
//! Each test has a directory of its own. What a page can ask of its request is in `tests/web`.

use squall::web::{BuildError, Templates, Value, context};

use crate::folder::Folder;

fn check(files: &[(&str, &str)], test: &str, context: Value, output: &str) {
    let folder = Folder::new(test, files);
    let templates = Templates::new(Some(&folder.0), false).expect("good templates");
    assert_eq!(templates.render("page.html", context).expect("a page"), output);
}

// T284, S029: escaped by default.
#[test]
fn html_is_escaped() {
    check(
        &[("page.html", "<p>{{ text }}</p>")],
        "escape",
        context! { text => "<b>" },
        "<p>&lt;b&gt;</p>",
    );
}

// S020: no document, no attribute of a document, a null: nothing is printed and nothing panics.
#[test]
fn missing_values_print_nothing() {
    let page =
        "{% if user %}{{ user.name }}{% else %}nobody{% endif %}[{{ user.name }}{{ a.b.c }}]";
    let files = [("page.html", page)];
    check(&files, "missing", context! {}, "nobody[]");
    check(&files, "none", context! { user => Option::<String>::None }, "nobody[]");
    check(&files, "some", context! { user => context! { name => "ann" } }, "ann[ann]");
}

// F300: extends and include, relative to the file that says them.
#[test]
fn inheritance() {
    let files = [
        ("base.html", "{% block title %}base{% endblock %}:{% block body %}{% endblock %}"),
        ("user/row.html", "<{{ n }}>"),
        ("user/list.html", "{% for n in ns %}{% include 'row.html' %}{% endfor %}"),
        (
            "page.html",
            "{% extends 'base.html' %}{% block body %}{% include 'user/list.html' %}{% endblock %}",
        ),
    ];
    check(&files, "extends", context! { ns => vec![1, 2] }, "base:<1><2>");
}

// HAZ16
#[test]
fn nothing_outside_the_directory_is_included() {
    for (n, name) in ["/etc/passwd", "../secret.html", "../../secret.html"].iter().enumerate() {
        let page = format!("{{% include '{name}' %}}");
        let folder = Folder::new(
            &format!("outside{n}"),
            &[("secret.html", "secret"), ("pages/page.html", &page)],
        );
        let templates = Templates::new(Some(&folder.0.join("pages")), true).expect("a directory");
        let error = templates.render("page.html", context! {}).expect_err("outside");
        assert!(error.to_string().contains("template not found"), "{error}");
    }
}

// S004: in debug an edit is visible at the next render; otherwise the page is the one of the start.
#[test]
fn edits_are_seen_in_debug() {
    for (debug, second) in [(true, "two!"), (false, "one")] {
        let folder = Folder::new(&format!("debug{debug}"), &[("page.html", "one")]);
        let templates = Templates::new(Some(&folder.0), debug).expect("a directory");
        assert_eq!(templates.render("page.html", context! {}).expect("a page"), "one");
        folder.write("page.html", "two!");
        assert_eq!(templates.render("page.html", context! {}).expect("a page"), second);
    }
}

// S005: the offending path and setting are named, and so are file and line of a bad template (F306).
#[test]
fn mistakes_stop_the_start() {
    let folder = Folder::new("start", &[("page.html", "x"), ("bad/index.html", "ok\n{% if %}")]);
    for path in [folder.0.join("page.html"), folder.0.join("missing")] {
        let error = Templates::new(Some(&path), true).expect_err("no directory");
        let text = error.to_string();
        assert!(
            text.contains("template_path") && text.contains(path.to_str().expect("UTF-8")),
            "{text}"
        );
    }
    let error = Templates::new(Some(&folder.0), false).expect_err("a bad template");
    assert!(matches!(error, BuildError::Template { .. }));
    assert!(error.to_string().contains("bad/index.html:2"), "{error}");
    let error = Templates::new(None, false).expect("none needed").render("x.html", context! {});
    assert!(error.expect_err("no directory").to_string().contains("x.html"));
}
