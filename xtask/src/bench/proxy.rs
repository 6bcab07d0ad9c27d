//! `cargo xtask bench --proxy`: what the check costs a service behind nginx and behind HAProxy, with the
//! configurations of `docs/deploy`, on plain http: where each request is asked for, and where the proxy verifies the
//! pass itself.

mod fronts;

use std::fs;

use anyhow::{Result, ensure};

use self::fronts::{NOTEBOOKS, Ports};
use super::http::{exchange, exchange_at};
use super::load::Load;
use super::{ROUNDS, measured, median, sign_in};
use crate::front;
use crate::lab::{self, Lab, Places};
use crate::net;
use crate::process::Server;
use crate::workspace::{self, Profile};

/// The same service behind one proxy.
struct Behind {
    proxy: &'static str,
    unchecked: Load,
    checked: Load,
    verified: Load,
}

pub(super) fn run() -> Result<()> {
    for package in ["nginx", "libnginx-mod-http-js", "haproxy"] {
        ensure!(front::is_there(package), "needs {package}: apt-get install {package}");
    }
    let programs = workspace::build(Profile::Release)?;
    let folder = workspace::scratch("bench")?;
    lab::empty(&folder)?;
    let places = Places::fresh(folder.join("data"))?;
    let ports = Ports::of(&places)?;

    // Labgate answers through nginx before there is a key to verify with.
    let nginx = fronts::nginx(&folder, &ports, "{\"keys\": []}")?;
    let file = folder.join("labgate.toml");
    let (url, notebooks) = (places.lab_url(), format!("{NOTEBOOKS}:{}", places.lab_port));
    let services = format!(
        "public_url = \"{url}\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [[service]]\nid = \"mlflow\"\nname = \"MLflow\"\nurl = \"{url}/mlflow\"\nruns_user_code = false\n\
         [[service]]\nid = \"notebooks\"\nname = \"Notebooks\"\nurl = \"http://{notebooks}\"\nruns_user_code = true\n"
    );
    fs::write(&file, services)?;
    let mut labgate = lab::labgate_command(&programs, &places);
    labgate.arg("--config").arg(&file).env("LABGATE_LISTEN", net::loopback(ports.labgate).to_string());
    let lab = Lab::start_with(&programs, &places, Some(&folder), &labgate)?;
    let keys = exchange(ports.labgate, "GET", "/.well-known/jwks.json", "", "")?.body;
    drop(nginx);
    let nginx = fronts::nginx(&folder, &ports, &keys)?;
    let haproxy = fronts::haproxy(&folder, &ports, &places)?;

    let session = sign_in::once(&places)?;
    let pass = sign_in::enter(&places, &notebooks, &session)?;
    let cookie = format!("cookie: {pass}\r\n");
    let seal = exchange_at(&notebooks, places.lab_port, "GET", "/x", &cookie, "")?.cookies();
    ensure!(seal.contains("-seal="), "nginx did not verify the pass: see {}", folder.display());
    let pass = format!("{pass}; {seal}");
    let lab_host = format!("127.0.0.1:{}", places.lab_port);
    let behind = |proxy, port, unchecked| Behind {
        proxy,
        unchecked: Load::new(unchecked, "/mlflow/x", Some(&session)),
        checked: Load::at(&lab_host, port, "/mlflow/x", &session),
        verified: Load::at(&notebooks, port, "/x", &pass),
    };
    let all = [
        behind("nginx", places.lab_port, ports.nginx_unchecked),
        behind("HAProxy", ports.haproxy, ports.haproxy_unchecked),
    ];
    println!("a service behind a proxy: unchecked, asked for, and verified there; {ROUNDS} rounds in turn");
    let tables: Vec<_> = all.iter().map(Behind::measure).collect::<Result<_>>()?;
    let empty = Load::new(ports.service, "/", None);
    let headers = format!(
        "cookie: {session}\r\nx-forwarded-host: {lab_host}\r\nx-forwarded-method: GET\r\n\
         x-forwarded-uri: /mlflow/x\r\n"
    );
    let check = Load::with_headers(ports.labgate, "/api/auth/check/caddy", &headers);
    let cpu = cpu_against(&nginx, &empty, &lab.labgate, &check)?;
    drop((lab, nginx, haproxy));
    print!("\n{}", tables.concat());
    println!("CPU time of a check in Labgate against an empty answer of nginx {cpu:.2} x   at most 1.50 x");
    Ok(())
}

/// Returns the CPU time of the other server's load as a multiple of that of the one's.
fn cpu_against(one: &Server, its: &Load, other: &Server, others: &Load) -> Result<f64> {
    let mut ratios = Vec::new();
    for _ in 0..=ROUNDS {
        let cpu = measured(one.id(), its)?.1;
        ratios.push(measured(other.id(), others)?.1.as_secs_f64() / cpu.as_secs_f64());
    }
    // The first round warms up.
    Ok(median(ratios.split_off(1)))
}

impl Behind {
    /// Runs the loads in turn, and returns rows of the table.
    fn measure(&self) -> Result<String> {
        let round = || Ok([self.unchecked.run()?, self.checked.run()?, self.verified.run()?]);
        round()?;
        let per_second = (0..ROUNDS).map(|_| round()).collect::<Result<Vec<_>>>()?;
        let of = |which: fn(&[f64; 3]) -> f64| median(per_second.iter().map(which).collect());
        let rows = [
            ("requests per second through", of(|[unchecked, ..]| *unchecked), ""),
            ("the same, asked for", of(|[_, checked, _]| *checked), ""),
            ("the same, verified there", of(|[.., verified]| *verified), ""),
            (
                "asked for against unchecked",
                of(|[alone, checked, _]| checked / alone),
                " x   at least 0.70 x",
            ),
            ("verified there against unchecked", of(|[alone, _, own]| own / alone), " x   at least 0.90 x"),
        ];
        let row = |(what, value, aim): &(&str, f64, &str)| {
            let digits = if aim.is_empty() { 0 } else { 2 };
            format!("{:<8} {what:<34} {value:>10.digits$}{aim}\n", self.proxy)
        };
        Ok(rows.iter().map(row).collect())
    }
}
