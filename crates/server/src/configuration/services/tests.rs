use labgate_domain::access::{Services, Target, TokenUse};

use super::super::tests::{problems, read};

const LAB: &str = "public_url = \"https://lab.example\"\n";

fn services(file: &str) -> Services {
    (*read(&format!("{LAB}{file}"), &[]).policy.services).clone()
}

fn refused(file: &str) -> String {
    problems(&format!("{LAB}{file}"), &[]).to_string()
}

#[test]
fn a_service_is_read_with_its_rules() {
    let services = services(
        "[[service]]\nid = \"mlflow\"\nname = \"MLflow\"\nurl = \"https://lab.example/mlflow\"\nruns_user_code = false\n\
         tokens = \"yes\"\nallow_groups = [\"ml\"]\n[[service.rule]]\npath = \"/mlflow/api/*\"\nallow = \"signed_in\"\ntokens = \"only\"\n[[service.rule]]\npath = \"/mlflow/health\"\nmethods = [\"GET\"]\nallow = \"public\"\n\
         [[service]]\nid = \"notebooks\"\nname = \"Notebooks\"\nurl = \"https://nb.example\"\nruns_user_code = true\n\
         identity_headers = \"x-auth-request\"\ngroups = [\"*\"]\nassertion = false\n",
    );
    let target = |url: &str| Target::from_url(url, "GET").unwrap();
    assert!(services.judge(&target("https://lab.example/mlflow/health")).unwrap().is_public());
    assert!(!services.judge(&target("https://lab.example/mlflow/")).unwrap().is_public());
    for (url, tokens) in [
        ("https://lab.example/mlflow/", TokenUse::Yes),
        ("https://lab.example/mlflow/api/x", TokenUse::Only),
        ("https://nb.example/", TokenUse::No),
    ] {
        assert_eq!(services.judge(&target(url)).unwrap().tokens, tokens, "{url}");
    }
    assert!(services.find("notebooks").unwrap().runs_user_code);
    assert!(!services.find("notebooks").unwrap().identity.assertion);
}

#[test]
fn what_is_unknown_empty_or_contradictory_stops_the_start() {
    let base = "[[service]]\nid = \"x\"\nname = \"X\"\nurl = \"https://x.example\"\n";
    for (file, said) in [
        (format!("{base}colour = \"red\"\n"), "colour"),
        (format!("{base}allow_groups = []\n"), "empty list"),
        (format!("{base}allow_groups = [\"\"]\n"), "no person can have"),
        (format!("{base}allow_roles = [\"root\"]\n"), "root"),
        (format!("{base}allow_accounts = [\"a b\"]\n"), "a b"),
        (format!("{base}allow = \"everyone\"\n"), "everyone"),
        (format!("{base}allow = \"public\"\nallow_groups = [\"a\"]\n"), "use one of them"),
        (format!("{base}identity_headers = \"X-User\"\n"), "X-User"),
        (format!("{base}[[service.rule]]\npath = \"/a\"\n"), "has no condition"),
        (format!("{base}[[service.rule]]\npath = \"a\"\nallow = \"public\"\n"), "service 1.rule.path"),
        (
            format!("{base}[[service.rule]]\npath = \"/a\"\nmethods = []\nallow = \"public\"\n"),
            "rule.methods",
        ),
        (format!("{base}[[service.rule]]\npath = \"/a\"\nallow = \"public\"\nfrom = \"x\"\n"), "from"),
        (format!("{base}tokens = \"maybe\"\n"), "maybe"),
        (format!("{base}allow = \"public\"\ntokens = \"only\"\n"), "tokens alone"),
        (
            format!("{base}[[service.rule]]\npath = \"/a\"\nallow = \"public\"\ntokens = \"yes\"\n"),
            "rule.tokens",
        ),
        (format!("{base}{base}"), "the id of two"),
        (
            "[[service]]\nid = \"x\"\nname = \"X\"\nurl = \"https://lab.example/x\"\n".to_owned(),
            "runs_user_code",
        ),
        ("[[service]]\nid = \"x\"\nname = \"X\"\n".to_owned(), "url"),
        ("[service]\nid = \"x\"\n".to_owned(), "[[service]]"),
    ] {
        let told = refused(&file);
        assert!(told.contains(said), "{file}\n{told}");
    }
}
