// LAMB from docs/vectors.md, checked against exported vectors. Rust, standard library only.
//
//   rustc -O lamb.rs && ./lamb VECTORS.json [--outputs FILE] [--bug outside|whole]
//
// Exit status: 0 every test passes, 1 some do not, 2 the file cannot be used.

use std::collections::HashMap;
use std::ops::{Add, Div, Mul, Range, Sub};
use std::process::exit;

const LARGEST: f64 = 10000.0; // coordinates of a test whose outputs a file may hold

// ---- the optimizer ----

/// A floating-point dtype: its own arithmetic, and the way from and to float64.
trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    fn of(x: f64) -> Self;
    fn wide(self) -> f64;
    fn sqrt(self) -> Self;
}

macro_rules! real {
    ($kind:ident) => {
        impl Real for $kind {
            fn of(x: f64) -> Self { x as $kind }
            fn wide(self) -> f64 { self as f64 }
            fn sqrt(self) -> Self { $kind::sqrt(self) }
        }
    };
}
real!(f64);
real!(f32);

/// The length of a tensor, summed in float64.
fn norm<R: Real>(x: &[R]) -> f64 {
    x.iter().map(|y| y.wide() * y.wide()).sum::<f64>().sqrt()
}

/// Return theta after each step: tensor by tensor, then laid end to end.
fn run<R: Real>(test: &Json, bug: &str) -> Vec<Vec<f64>> {
    let columns = test["columns"].number() as usize;
    let mut path = vec![Vec::new(); test["steps"].number() as usize];
    let mut begin = 0;
    for (i, length) in test["tensors"].numbers().into_iter().enumerate() {
        let place = begin..begin + length as usize;
        for (row, theta) in path.iter_mut().zip(lamb::<R>(test, i, place, columns, bug)) {
            row.extend(theta);
        }
        begin += length as usize;
    }
    path
}

/// Return one tensor after each step; arithmetic in R, scalars in float64 and then rounded to R.
fn lamb<R: Real>(
    test: &Json, i: usize, place: Range<usize>, columns: usize, bug: &str,
) -> Vec<Vec<f64>> {
    let h = |name: &str| match &test["groups"].items()[i][name]["dec"] {
        Json::Number(own) => *own,
        _ => test["hyper"][name]["dec"].number(),
    };
    let part = |row: &Json| -> Vec<R> {
        place.clone().map(|j| R::of(row.items()[j % columns].number())).collect()
    };
    let (start, gaps) = (test["starts"].numbers()[i], test["gaps"].items()[i].numbers());
    let (alpha, beta1, beta2) = (h("learning_rate"), h("beta1"), h("beta2"));
    let etas = test["eta"]["dec"].numbers();
    let mut theta = part(&test["theta0"]["dec"]);
    let mut m = vec![R::of(0.0); theta.len()];
    let mut v = m.clone();
    let mut path: Vec<Vec<f64>> = Vec::new();
    let mut t = 0; // counts the steps that this tensor takes
    for (step, (g, eta)) in (1..).zip(test["grads"]["dec"].items().iter().zip(etas)) {
        if (step as f64) < start || gaps.contains(&(step as f64)) {
            path.push(theta.iter().map(|x| x.wide()).collect()); // no gradient: it stands still
            continue;
        }
        t += 1;
        let (bias1, bias2) = (R::of(1.0 - beta1.powi(t)), R::of(1.0 - beta2.powi(t)));
        let (eps, lambda) = (R::of(h("eps")), R::of(h("weight_decay")));
        let mut u = theta.clone();
        for (i, g) in part(g).into_iter().enumerate() {
            m[i] = R::of(beta1) * m[i] + R::of(1.0 - beta1) * g;
            v[i] = R::of(beta2) * v[i] + R::of(1.0 - beta2) * (g * g);
            let direction = (m[i] / bias1) / ((v[i] / bias2).sqrt() + eps);
            u[i] = if bug == "outside" { direction } else { direction + lambda * theta[i] };
        }
        let (long, way) = (norm(&theta), norm(&u));
        let ratio = if long > 0.0 && way > 0.0 { long / way } else { 1.0 };
        let rate = R::of(eta * alpha * if bug == "whole" { long } else { ratio });
        for (x, step) in theta.iter_mut().zip(u) {
            let decay = R::of(eta * alpha) * lambda * *x;
            *x = *x - rate * step;
            *x = if bug == "outside" { *x - decay } else { *x };
        }
        path.push(theta.iter().map(|x| x.wide()).collect());
    }
    path
}

/// Return the worst |theta - expected| in units of the tolerance; up to `limit` passes.
fn ratio(test: &Json, path: &[Vec<f64>]) -> f64 {
    let mut worst = 0.0f64;
    let rows = test["expected"]["dec"].items().iter().zip(test["tolerance"].items());
    for (step, (expected, tolerance)) in test["at"].numbers().into_iter().zip(rows) {
        let row = &path[step as usize - 1];
        let columns = expected.items().len();
        for (j, x) in row.iter().enumerate() {
            let (want, unit) = (&expected.items()[j % columns], &tolerance.items()[j % columns]);
            if let Json::Text(_) = want { // "nan": no finite number is right there
                worst = if x.is_finite() { f64::INFINITY } else { worst };
            }
            if let (Json::Number(want), Json::Number(unit)) = (want, unit) {
                let distance = (x - want).abs();
                let far = if distance == 0.0 { 0.0 } else { distance / unit };
                worst = worst.max(if far.is_nan() { f64::INFINITY } else { far });
            } // else null: nothing is certified there
        }
    }
    worst
}

// ---- the program ----

fn fail(message: &str) -> ! {
    eprintln!("lamb: {message}");
    exit(2)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1));
    let bug = option("--bug").map_or("", |s| s.as_str());
    let Some(file) = args.first() else {
        fail("usage: lamb VECTORS.json [--outputs FILE] [--bug outside|whole]")
    };
    if !["", "outside", "whole"].contains(&bug) {
        fail(&format!("no bug {bug}: outside, whole"))
    }
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| fail(&format!("{file}: {e}")));
    let vectors = Json::parse(&text);
    if vectors["schema"].text() != "vectors_schema_v2.json" || vectors["algorithm"].text() != "lamb" {
        fail(&format!("{file}: expected lamb in vectors_schema_v2.json"))
    }
    let convention = vectors["convention"].text();
    if convention != "paper" {
        fail(&format!("convention {convention}: only paper"))
    }
    let (mut count, mut failed, mut worst) = (0, 0, 0.0f64);
    let mut outputs = Vec::new();
    for group in vectors["groups"].items() {
        for test in group["tests"].items() {
            let path = match group["dtype"].text() {
                "float64" => run::<f64>(test, bug),
                "float32" => run::<f32>(test, bug),
                other => fail(&format!("dtype {other} is unknown")),
            };
            let far = ratio(test, &path);
            count += 1;
            if far > vectors["limit"].number() {
                failed += 1;
                println!("FAIL {} {} ratio {far}: {}", test["tcId"].number(), test["id"].text(),
                         test["comment"].text());
            }
            worst = worst.max(far);
            if test["size"].number() > LARGEST { continue }
            outputs.push(format!("{{\"tcId\":{},\"theta\":{}}}", test["tcId"].number(), rows(&path)));
        }
    }
    println!("{} of {count} tests pass, worst ratio {worst:.3}", count - failed);
    if let Some(name) = option("--outputs") {
        let head = format!(
            "\"schema\":\"outputs_schema_v2.json\",\"algorithm\":\"lamb\",\"convention\":\"{convention}\",\
             \"suite\":\"{}\",\"implementation\":{{\"name\":\"lamb.rs\",\"version\":\"1\",\"language\":\"Rust\"}}",
            vectors["suite"].text()
        );
        let document = format!("{{{head},\"outputs\":[{}]}}\n", outputs.join(",\n"));
        std::fs::write(name, document).unwrap_or_else(|e| fail(&format!("{name}: {e}")));
    }
    exit(if failed > 0 { 1 } else { 0 })
}

fn rows(path: &[Vec<f64>]) -> String {
    let shown = |x: &f64| match *x {
        x if x.is_nan() => "\"nan\"".into(),
        x if x.is_infinite() => if x > 0.0 { "\"inf\"".into() } else { "\"-inf\"".into() },
        x => format!("{x:?}"), // the shortest decimal that reads back
    };
    let row = |r: &Vec<f64>| format!("[{}]", r.iter().map(shown).collect::<Vec<String>>().join(","));
    format!("[{}]", path.iter().map(row).collect::<Vec<_>>().join(","))
}

// ---- as much JSON as the vectors need ----

enum Json {
    Null,
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(HashMap<String, Json>),
}

impl std::ops::Index<&str> for Json {
    type Output = Json;
    fn index(&self, key: &str) -> &Json {
        match self {
            Json::Object(map) => map.get(key).unwrap_or(&Json::Null),
            _ => &Json::Null,
        }
    }
}

impl Json {
    fn number(&self) -> f64 {
        match self {
            Json::Number(x) => *x,
            Json::Text(word) if ["nan", "inf", "-inf"].contains(&word.as_str()) => word.parse().unwrap(),
            _ => fail("expected a number"),
        }
    }
    fn numbers(&self) -> Vec<f64> {
        self.items().iter().map(Json::number).collect()
    }
    fn text(&self) -> &str {
        if let Json::Text(s) = self { s } else { fail("expected text") }
    }
    fn items(&self) -> &[Json] {
        if let Json::Array(items) = self { items } else { fail("expected an array") }
    }
    fn parse(text: &str) -> Json {
        let mut at = 0;
        value(text, &mut at)
    }
}

fn next(text: &str, at: &mut usize) -> u8 {
    let bytes = text.as_bytes();
    while *at < bytes.len() && bytes[*at].is_ascii_whitespace() {
        *at += 1;
    }
    *bytes.get(*at).unwrap_or_else(|| fail("the JSON ends too early"))
}

/// Pass `mark` if it is next.
fn pass(text: &str, at: &mut usize, mark: u8) -> bool {
    let found = next(text, at) == mark;
    *at += found as usize;
    found
}

fn value(text: &str, at: &mut usize) -> Json {
    match next(text, at) {
        b'{' => Json::Object(list(text, at, b'}', |text, at| {
            let Json::Text(key) = value(text, at) else { fail("expected a key") };
            if !pass(text, at, b':') { fail("expected a colon") }
            (key, value(text, at))
        }).into_iter().collect()),
        b'[' => Json::Array(list(text, at, b']', value)),
        b'"' => {
            let from = *at + 1;
            let end = from + text[from..].find('"').unwrap_or_else(|| fail("a text without end"));
            if text[from..end].contains('\\') { fail("vectors have no escapes") }
            *at = end + 1;
            Json::Text(text[from..end].into())
        }
        _ => {
            let rest = &text[*at..];
            let word = &rest[..rest.find([',', ']', '}', '\n', ' ']).unwrap_or(rest.len())];
            *at += word.len();
            if word == "null" { return Json::Null }
            Json::Number(word.parse().unwrap_or_else(|_| fail(&format!("{word} is no number"))))
        }
    }
}

/// Read items up to `end`, with commas between them.
fn list<T>(text: &str, at: &mut usize, end: u8, item: fn(&str, &mut usize) -> T) -> Vec<T> {
    *at += 1;
    let mut items = Vec::new();
    while !pass(text, at, end) {
        items.push(item(text, at));
        pass(text, at, b',');
    }
    items
}
