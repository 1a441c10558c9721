//! What templates promise, on whole sets of files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;

use super::*;

fn compile(files: &[(&str, &str)]) -> Result<Templates, Vec<String>> {
    let files = files.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned())).collect();
    Templates::compile(&files).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn render(source: &str, data: &Value) -> Result<String, String> {
    let mail = json!({ "subject": "Your <invoice>", "from": { "name": "Anna" } });
    compile(&[("received.html", source)]).unwrap().render("received.html", data, &mail).map_err(|problem| problem.to_string())
}

#[test]
fn data_and_mail_are_seen_and_escaped() {
    let data = json!({ "number": "A&B", "our_reference": "‹id from erp›", "lines": [{ "qty": 2 }, { "qty": 3 }] });
    let source = "<p>{{ mail.subject }}: {{ number }}, {{ our_reference }}{% for line in lines %} {{ line.qty }}{% endfor %}</p>";
    assert_eq!(render(source, &data), Ok("<p>Your &lt;invoice&gt;: A&amp;B, ‹id from erp› 2 3</p>".to_owned()));
    let plain = compile(&[("note.txt", "{{ mail.subject }}")]).unwrap();
    assert_eq!(plain.render("note.txt", &json!({}), &json!({ "subject": "a<b" })), Ok("a<b".to_owned()));
}

#[test]
fn what_is_missing_is_named_with_its_line_and_what_there_is() {
    let data = json!({ "number": "7", "our_reference": "R", "customer": { "city": "Berlin" } });
    let told = |source| render(source, &data).unwrap_err();
    assert_eq!(
        told("a\n\n{{ numbr }}"),
        "received.html:3  `numbr` is not in the data; there are: customer, number, our_reference"
    );
    assert_eq!(told("{{ customer.town }}"), "received.html:1  `town` is not in `customer`; there are: city");
    assert_eq!(told("{{ mail.subjct }}"), "received.html:1  `subjct` is not in `mail`; there are: from, subject");
    assert_eq!(
        told("{{ numbr | money }}"),
        "received.html:1  `numbr` is not in the data; there are: customer, number, our_reference"
    );
    assert_eq!(
        told("{% if numbr %}x{% endif %}"),
        "received.html:1  `numbr` is not in the data; there are: customer, number, our_reference"
    );
    assert_eq!(
        told("\n{{ numbr + 1 }}"),
        "received.html:2  `numbr` is not in the data; there are: customer, number, our_reference"
    );
    assert_eq!(told("{{ customer['town'] }}"), "received.html:1  `customer['town']` uses something that is not in the data");
    assert_eq!(told("{{ customer.town + 1 }}"), "received.html:1  `town` is not in `customer`; there are: city");
    assert_eq!(told("{% for x in [customer] %}{{ x.town }}{% endfor %}"), "received.html:1  `x.town` is not there");
}

#[test]
fn an_absent_value_is_never_written_but_can_be_asked_for() {
    let data = json!({ "due": null });
    assert_eq!(
        render("\n{{ due }}", &data).unwrap_err(),
        "received.html:2  `due` is absent; write `{% if due %}` around it or give it a `default(…)`"
    );
    for source in ["{{ due | date }}", "{{ due | upper }}", "{{ due ~ 'x' }}", "{{ due | upper | trim }}"] {
        let told = render(source, &data).unwrap_err();
        assert_eq!(
            told, "received.html:1  `due` is absent; write `{% if due %}` around it or give it a `default(…)`",
            "{source}"
        );
    }
    assert!(render("{{ list[0] }}", &json!({ "list": [null] })).unwrap_err().contains("absent"));
    assert_eq!(render("{% if due %}x{% endif %}{{ due | default('-') }}{{ other | d('+') }}", &data), Ok("-+".to_owned()));
}

#[test]
fn filters_write_money_and_dates() {
    let data = json!({ "total": "1190.00", "count": 1200, "due": "2024-12-01", "at": "2024-12-01T09:05:00+01:00", "id": "‹id from erp›" });
    let cases = [
        ("{{ total | money }}", "1,190.00"),
        ("{{ total | money('1.234,56') }}", "1.190,00"),
        ("{{ count | money('1 234') }}", "1 200"),
        ("{{ due | date('dd.MM.yyyy') }}", "01.12.2024"),
        ("{{ due | date }}", "2024-12-01"),
        ("{{ at | date('d MMM yyyy HH:mm') }}", "1 Dec 2024 09:05"),
        ("{{ id | money }} {{ id | date('dd.MM.yyyy') }}", "‹id from erp› ‹id from erp›"),
    ];
    for (source, expected) in cases {
        assert_eq!(render(source, &data), Ok(expected.to_owned()), "{source}");
    }
    assert_eq!(render("{{ due | money }}", &data).unwrap_err(), "received.html:1  `2024-12-01` is not an amount of money");
    assert_eq!(
        render("{{ total | date }}", &data).unwrap_err(),
        "received.html:1  `1190.00` is not a date; dates look like 2024-12-01"
    );
}

#[test]
fn every_problem_is_found_when_the_set_is_loaded() {
    let problems = compile(&[
        ("a.html", "x\n{% if y %}"),
        ("b.html", "{{ x | shout }}\n{% if x is odder %}{% endif %}{% include 'c.html' %}{% include 'd.html' ignore missing %}"),
        ("ok.html", "{{ 'x | shout' | upper }}{% if x is not none %}{% endif %}"),
    ])
    .unwrap_err();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].starts_with("a.html:2  "), "{problems:?}");
    assert_eq!(
        problems[1..],
        ["b.html:1  `shout` is not a filter", "b.html:2  `odder` is not a test", "b.html:2  there is no template `c.html`"]
    );
}

#[test]
fn the_names_that_the_data_must_have_are_known() {
    let set = compile(&[
        ("base.html", "<b>{{ title }}</b>{% block body %}{{ footer }}{% endblock %}"),
        (
            "received.html",
            "{% extends 'base.html' %}{% set title = number %}{% block body %}{% for line in lines %}{{ loop.index }}{% include 'row.html' %}\
             {% endfor %}{% if due is defined %}{{ due }}{% endif %}{{ city | default('') }}{{ mail.subject }}{{ range(3) }}{% endblock %}",
        ),
        ("row.html", "{{ line.qty }} {{ unit }}"),
        ("loop.html", "{% include 'loop.html' %}{{ a }}"),
    ])
    .unwrap();
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let expected = Demands { required: names(&["footer", "lines", "number", "unit"]), optional: names(&["city", "due"]) };
    assert_eq!(set.demands("received.html"), Some(&expected));
    assert_eq!(set.variables("received.html"), expected.required);
    assert_eq!(set.variables("row.html"), names(&["line", "unit"]));
    assert_eq!(set.variables("loop.html"), names(&["a"]));
    assert_eq!(set.names().collect::<Vec<_>>(), ["base.html", "loop.html", "received.html", "row.html"]);
    assert!(set.contains("row.html") && !set.contains("no.html"));
    assert_eq!(set.variables("no.html"), names(&[]));
}

#[test]
fn a_problem_in_an_included_template_names_that_one() {
    let set =
        compile(&[("a.html", "{% include 'b.html' %}"), ("b.html", "\n{{ x }}"), ("c.html", "{% include 'c.html' %}")]).unwrap();
    let told = |name| set.render(name, &json!({ "y": 1 }), &json!({})).unwrap_err().to_string();
    assert_eq!(told("a.html"), "b.html:2  `x` is not in the data; there are: y");
    assert_eq!(told("no.html"), "no.html  there is no template `no.html`");
    assert!(told("c.html").starts_with("c.html:1  "), "{}", told("c.html"));
}

#[test]
fn a_rendering_has_limits() {
    let loops = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    assert_eq!(
        render(loops, &json!({})).unwrap_err(),
        "received.html:1  rendering takes too much work; are there loops within loops?"
    );
    let long = "{% for a in range(300) %}{{ x }}{% endfor %}";
    assert_eq!(render(long, &json!({ "x": "y".repeat(1000) })).unwrap_err(), "received.html  the text grows beyond 256 KB");
    assert!(render("{{ 'x' * 1000000000 }}", &json!({})).is_err());
}
