use super::*;
use crate::access::testing::{lab, rule, service, services};
use crate::access::{PathPattern, RuleMethods, Rules, ServiceUrl};
use crate::people::{AccountId, Role, Username};
use crate::session::SessionId;
use crate::time::Timestamp;

fn person(groups: &[&str]) -> SessionPerson {
    SessionPerson {
        account: AccountId::parse("00000000-0000-7000-8000-000000000000").unwrap(),
        session: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        username: Username::parse("ada").unwrap(),
        email: None,
        name: None,
        role: Role::User,
        groups: groups.iter().map(|it| (*it).to_owned()).collect(),
        local_groups: crate::people::LocalGroups::default(),
        accepted_terms: Vec::new(),
        authenticated_at: Timestamp::from_unix_seconds(0),
    }
}

/// Returns the service and the number of the rule that decide.
fn decide(services: &Services, method: &str, url: &str) -> Result<(String, Option<usize>), String> {
    let target = Target::from_url(url, method).map_err(|error| error.to_string())?;
    let verdict = services.judge(&target).map_err(|error| format!("{error:?}"))?;
    Ok((verdict.service.id.to_string(), verdict.rule))
}

#[test]
fn the_first_rule_that_matches_decides_and_else_the_service() {
    let services = services();
    for (method, path, service, rule) in [
        ("GET", "/mlflow/health", "mlflow", Some(1)),
        ("HEAD", "/mlflow/health", "mlflow", Some(1)),
        ("POST", "/mlflow/health", "mlflow", None),
        ("GET", "/mlflow/health/", "mlflow", Some(1)),
        ("GET", "/mlflow/healthy", "mlflow", None),
        ("GET", "/mlflow/static", "mlflow", Some(2)),
        ("GET", "/mlflow/static/private/x", "mlflow", Some(2)),
        ("GET", "/mlflow/statics", "mlflow", None),
        ("DELETE", "/mlflow/static/x", "mlflow", Some(2)),
        ("DELETE", "/mlflow/x", "mlflow", Some(5)),
        ("GET", "/mlflow/admin/a/b?x=/mlflow/health", "mlflow", Some(4)),
        ("GET", "/mlflow/%61dmin/a", "mlflow", Some(4)),
        ("GET", "/mlflow", "mlflow", None),
        ("GET", "/mlflow/runs/1", "runs", None),
        ("DELETE", "/mlflow/runs", "runs", None),
    ] {
        let found = decide(&services, method, &format!("https://lab.example{path}"));
        assert_eq!(found, Ok((service.to_owned(), rule)), "{method} {path}");
    }
}

#[test]
fn a_rule_by_method_is_not_judged_for_an_unknown_one() {
    let unsaid =
        |path: &str| services().judge(&Target::from_url(path, Target::UNSAID).unwrap()).map(|it| it.rule);
    assert_eq!(unsaid("https://lab.example/mlflow/static/x"), Ok(Some(2)));
    assert_eq!(unsaid("https://lab.example/mlflow/x"), Err(NoService::MethodUnsaid));
    assert_eq!(unsaid("https://lab.example/mlflow/health"), Err(NoService::MethodUnsaid));
}

#[test]
fn what_no_service_covers_is_refused() {
    for url in [
        "https://lab.example/",
        "https://lab.example/mlflowx",
        "https://lab.example/MLFLOW/health",
        "https://other.example/mlflow/",
        "https://lab.example.evil/mlflow/",
        "https://evil.notebooks.example/",
        "https://notebooks.example.evil/",
    ] {
        assert_eq!(decide(&services(), "GET", url), Err("Unknown".to_owned()), "{url}");
    }
}

#[test]
fn c185_a_path_that_can_be_read_in_two_ways_is_refused_beside_other_services_and_rules() {
    for path in [
        "/mlflow/static/..%2fadmin",
        "/mlflow/static/%2e%2e/admin",
        "/mlflow/static/../admin",
        "/mlflow/static/.%2e/admin",
        "/mlflow//admin",
        "//mlflow/admin",
        "/mlflow/static;/admin",
        "/mlflow/static/%3b/../admin",
        "/mlflow/admin%23",
        "/mlflow/admin%3f",
        "/mlflow/static%5c..%5cadmin",
        "/mlflow/static\\admin",
        "/mlflow/%00",
        "/mlflow/static/%252e%252e/admin",
        "/mlflow/static%252fadmin",
        "/mlflow/%2561dmin/x",
        "/mlflow/%2572uns/1",
        "/mlflow/%ff",
        "/mlflow/static/．．/admin",
    ] {
        let found = decide(&services(), "GET", &format!("https://lab.example{path}"));
        assert_eq!(found, Err("Ambiguous".to_owned()), "{path}");
        // A service that has its host alone, without rules, is asked about no path.
        let found = decide(&services(), "GET", &format!("https://notebooks.example{path}"));
        assert_eq!(found, Ok(("notebooks".to_owned(), None)), "{path}");
    }
}

#[test]
fn a_host_is_compared_without_case_port_and_the_dot_at_its_end() {
    for host in ["LAB.example", "lab.example:443", "lab.example.", "Lab.Example.:8443"] {
        assert!(decide(&services(), "GET", &format!("https://{host}/mlflow/")).is_ok(), "{host}");
    }
    for host in [
        "",
        "lab.example,evil",
        "lab.example evil",
        "lab.example:x",
        "lab.example:",
        "a@lab.example",
        "lab..example",
        "lab.example:1:2",
        "lab.example/",
        "lab%2eexample",
        "lab.example:+1",
        "[::1",
        "[x]",
        "läb.example",
    ] {
        assert_eq!(Target::new(host, "/mlflow/", "GET"), Err(crate::access::UnfitTarget::Host), "{host}");
    }
    for path in ["", "mlflow", "https://lab.example/mlflow", "/a b", "/a#b", "/a\0", "/a\r\nb", "*"] {
        assert!(Target::new("lab.example", path, "GET").is_err(), "{path}");
    }
    for method in ["get", "GET ", "GET,POST"] {
        assert!(Target::new("lab.example", "/", method).is_err(), "{method}");
    }
    for url in [
        "/mlflow",
        "ftp://lab.example/",
        "https:/lab.example/",
        "https://lab.example#x",
        "https:\\\\lab.example",
    ] {
        assert!(Target::from_url(url, "GET").is_err(), "{url}");
    }
}

#[test]
fn the_condition_decides_about_the_person() {
    let services = services();
    let admits = |path: &str, groups: &[&str]| {
        let target = Target::from_url(&format!("https://lab.example{path}"), "GET").unwrap();
        let verdict = services.judge(&target).unwrap();
        (verdict.is_public(), verdict.admits(&person(groups)))
    };
    assert_eq!(admits("/mlflow/health", &[]), (true, true));
    assert_eq!(admits("/mlflow/", &["guests"]), (false, false));
    assert_eq!(admits("/mlflow/", &["guests", "staff"]), (false, true));
    assert_eq!(admits("/mlflow/admin/", &["staff"]), (false, false));
    assert_eq!(admits("/mlflow/admin/", &["admins"]), (false, true));
    let by_name = Condition::any_of([], [Username::parse("ada").unwrap()], []).unwrap();
    assert!(by_name.admits(&person(&[])));
    assert!(!Condition::any_of([], [], [Role::Admin]).unwrap().admits(&person(&["admin"])));
    assert_eq!(Condition::any_of([], [], []), Err(crate::access::UnfitCondition::Empty));
    assert!(Condition::any_of([String::new()], [], []).is_err());
}

#[test]
fn a_service_is_told_of_the_groups_that_its_conditions_name() {
    let services = services();
    let mlflow = services.find("mlflow").unwrap();
    assert_eq!(mlflow.groups_of(&person(&["x", "staff", "admins", "y"])), ["staff", "admins"]);
}

#[test]
fn f27_services_that_cannot_stand_side_by_side_stop_the_start() {
    let new = |list: &[Service]| Services::new(list.to_vec(), &lab()).unwrap_err().to_string();
    let code = |mut service: Service| {
        service.runs_user_code = true;
        service
    };
    let told = new(&[code(service("notebooks", "https://lab.example/notebooks"))]);
    assert!(told.contains("url = \"https://notebooks.lab.example/\""), "{told}");
    assert!(new(&[service("x", "https://lab.example:8443/")]).contains("another port"));
    assert!(new(&[service("x", "http://x.example/x")]).contains("another scheme"));
    assert!(new(&[service("x", "https://lab.example/")]).contains("Labgate's own pages"));
    let a = service("a", "https://apps.example/a");
    assert!(new(&[a.clone(), a.clone()]).contains("the id of two"));
    assert!(new(&[a.clone(), service("b", "https://apps.example/a/")]).contains("one address"));
    assert!(new(&[a.clone(), service("b", "https://apps.example:8443/b")]).contains("share cookies"));
    assert!(new(&[a.clone(), code(service("b", "https://apps.example/b"))]).contains("origin of a"));
    let mut outside = a.clone();
    outside.rules = Rules::new(vec![rule("/ab/*", &[], Condition::Public)]);
    assert!(new(&[outside]).contains("rule 1 of a is about /ab/*"));
    assert!(Services::new(vec![a, service("b", "https://apps.example/b")], &lab()).is_ok());
}

#[test]
fn a_rule_names_plain_decoded_paths() {
    for good in ["/", "/*", "/a", "/a/*", "/a b/ä", "/a.b/c-d"] {
        assert_eq!(PathPattern::parse(good).unwrap().to_string(), good);
    }
    for bad in [
        "", "*", "a", "/a/", "/a*", "/a/*/b", "/%61", "//", "/a//b", "/../a", "/a;b", "/a?b", "/a#b", "/a\\b",
    ] {
        assert!(PathPattern::parse(bad).is_err(), "{bad:?}");
    }
    assert!(RuleMethods::these(vec![]).is_err() && RuleMethods::these(vec!["get".to_owned()]).is_err());
    for bad in [
        "lab.example",
        "https://",
        "https://h/?x",
        "https://h/#x",
        "https://u@h/",
        "https://h/a//b",
        "https://h/a/../b",
        "ftp://h/",
    ] {
        assert!(ServiceUrl::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_added_service_stands_beside_those_of_the_configuration_and_never_within() {
    let mut services = services();
    let within = service("x", "https://lab.example/mlflow/x");
    let refused = services.add(within, &lab()).unwrap_err();
    assert!(matches!(refused, UnfitServices::WithinConfigured(..)), "{refused}");
    services.add(service("x", "https://lab.example/mlflows"), &lab()).unwrap();
    services.add(service("y", "https://lab.example/mlflows/y"), &lab()).unwrap();
    let found = |path: &str| decide(&services, "GET", &format!("https://lab.example{path}")).unwrap().0;
    assert_eq!((found("/mlflow/x"), found("/mlflows/x")), ("mlflow".to_owned(), "x".to_owned()));
    assert_eq!(found("/mlflows/y/z"), "y");
    assert_eq!(services.configured().count(), 3);
    assert_eq!(services.iter().count(), 5);
}

#[test]
fn where_a_service_is_left_out_nobody_passes() {
    let mut services = Services::new(vec![service("own", "https://own.example")], &lab()).unwrap();
    services.add(service("apps", "https://apps.example"), &lab()).unwrap();
    services.add(service("twin", "https://twin.example"), &lab()).unwrap();
    for url in [
        "https://apps.example/secret",
        "https://own.example/x",
        "https://own.example/",
        "https://gone.example/",
        "https://twin.example/",
    ] {
        services.leave_out(ServiceUrl::parse(url).unwrap());
    }
    let found = |url: &str| decide(&services, "GET", url).map(|found| found.0);
    assert_eq!(found("https://apps.example/a"), Ok("apps".to_owned()));
    for url in [
        "https://apps.example/secret",
        "https://apps.example/secret/a",
        "https://gone.example/a",
        "https://twin.example/",
        "https://own.example/x",
        "https://own.example/x/y",
    ] {
        assert_eq!(found(url), Err("LeftOut".to_owned()), "{url}");
    }
    // One service without rules takes every reading of a path; not where another should be.
    assert_eq!(found("https://apps.example/a//b"), Err("Ambiguous".to_owned()));
    assert_eq!(found("https://own.example/a//b"), Err("Ambiguous".to_owned()));
    for url in ["https://own.example/", "https://own.example/xy"] {
        assert_eq!(found(url), Ok("own".to_owned()), "the configuration's own address");
    }
    let around =
        |url: &str| services.left_out_around(&ServiceUrl::parse(url).unwrap()).map(ToString::to_string);
    assert_eq!(around("https://apps.example/secret/x").as_deref(), Some("https://apps.example/secret/"));
    assert_eq!(around("https://apps.example/secret").as_deref(), Some("https://apps.example/secret/"));
    assert_eq!(around("https://apps.example/secrets"), None);
}
