//! Services for tests.

use super::{
    Condition, PathPattern, Rule, RuleMethods, Rules, Service, ServiceId, ServiceUrl, Services, TokenUse,
};
use crate::public_url::{PlainHttp, PublicUrl, RegisteredPaths};

pub(crate) fn lab() -> PublicUrl {
    let paths = RegisteredPaths { callback: "/back", signed_out: "/bye" };
    PublicUrl::parse("https://lab.example", PlainHttp::LoopbackOnly, paths).unwrap()
}

pub(crate) fn service(id: &str, url: &str) -> Service {
    let service = Service::new(ServiceId::parse(id).unwrap(), id, ServiceUrl::parse(url).unwrap());
    Service { condition: group("staff"), ..service }
}

pub(crate) fn group(name: &str) -> Condition {
    Condition::any_of([name.to_owned()], [], []).unwrap()
}

pub(crate) fn rule(path: &str, methods: &[&str], condition: Condition) -> Rule {
    let methods = match methods {
        [] => RuleMethods::All,
        some => RuleMethods::these(some.iter().map(|it| (*it).to_owned()).collect()).unwrap(),
    };
    Rule { path: PathPattern::parse(path).unwrap(), methods, condition, tokens: TokenUse::No }
}

/// A lab with services on paths, and one on a host of its own.
pub(crate) fn services() -> Services {
    let mut mlflow = service("mlflow", "https://lab.example/mlflow");
    mlflow.rules = Rules::new(vec![
        rule("/mlflow/health", &["GET"], Condition::Public),
        rule("/mlflow/static/*", &[], Condition::Public),
        rule("/mlflow/static/private/*", &[], Condition::Deny),
        rule("/mlflow/admin/*", &[], group("admins")),
        rule("/mlflow/*", &["DELETE"], group("owners")),
    ]);
    let nested = Service { tokens: TokenUse::Yes, ..service("runs", "https://lab.example/mlflow/runs") };
    let mut notebooks = service("notebooks", "https://notebooks.example");
    notebooks.runs_user_code = true;
    Services::new(vec![mlflow, nested, notebooks], &lab()).unwrap()
}
