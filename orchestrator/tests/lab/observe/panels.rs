// SPDX-License-Identifier: BSD-2-Clause
//! What Grafana's dashboards ask Prometheus: every query of every panel,
//! variable and annotation, and the labels that what is shown is named by.

use std::fs;

use serde_json::Value;

use crate::runs::repository;

/// What has one query or more.
pub(super) struct Panel {
    pub(super) dashboard: String,
    pub(super) title: String,
    pub(super) queries: Vec<Query>,
    /// Labels that are columns: one of the queries has each.
    pub(super) columns: Vec<String>,
}

pub(super) struct Query {
    /// The expression with the variables as they stand in the dashboard.
    expression: String,
    /// Variables of which one value is chosen, in [`Query::expression`].
    single: Vec<String>,
    /// Labels that the legend names.
    pub(super) legend: Vec<String>,
}

impl Query {
    fn new(dashboard: &Value, expression: &str, legend: &str) -> Self {
        let variables = list(&dashboard["templating"]["list"]);
        let (mut expression, mut single) = (expression.to_owned(), Vec::new());
        for variable in variables.filter(|variable| variable["type"] == "query") {
            let name = format!("${}", text(&variable["name"]));
            if variable["multi"] == true {
                expression = expression.replace(&format!("\"{name}\""), "\".*\"");
            } else if expression.contains(&name) {
                single.push(name);
            }
        }
        Self {
            expression,
            single,
            legend: placeholders(legend),
        }
    }

    /// What Prometheus is asked: with everything chosen where several may be,
    /// and for each of `vms` where one is. A zero that only stands in for no
    /// data is left out: it would hide that the metric is not there.
    pub(super) fn expressions(&self, vms: &[String]) -> Vec<String> {
        let expression = self
            .expression
            .replace("$__rate_interval", "1m")
            .replace("$__range", "5m")
            .replace(" or vector(0)", "");
        let expressions: Vec<_> = match &self.single[..] {
            [] => vec![expression],
            [name] => vms.iter().map(|vm| expression.replace(name, vm)).collect(),
            more => panic!("one of {more:?} can be chosen, not several"),
        };
        let left = expressions.iter().find(|text| text.contains('$'));
        assert_eq!(left, None, "a variable that the dashboard does not have");
        expressions
    }
}

/// Of every dashboard.
pub(super) fn panels() -> Vec<Panel> {
    let files = fs::read_dir(repository().join("grafana/dashboards")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let dashboards = files.iter().map(|file| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let json = fs::read_to_string(file).unwrap();
        of_dashboard(name, &serde_json::from_str(&json).unwrap())
    });
    dashboards.flatten().collect()
}

fn of_dashboard(name: &str, dashboard: &Value) -> Vec<Panel> {
    let panel = |title: String, queries, columns| Panel {
        dashboard: name.to_owned(),
        title,
        queries,
        columns,
    };
    let panels = list(&dashboard["panels"]).filter(|json| json["type"] != "row");
    let panels = panels.map(|json| {
        let queries = list(&json["targets"]).map(|target| {
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            Query::new(dashboard, text(&target["expr"]), legend)
        });
        panel(
            text(&json["title"]).to_owned(),
            queries.collect(),
            columns(json),
        )
    });
    let annotations = list(&dashboard["annotations"]["list"]).map(|json| {
        let words = format!(
            "{} {}",
            text(&json["titleFormat"]),
            text(&json["textFormat"])
        );
        let query = Query::new(dashboard, text(&json["expr"]), &words);
        panel(
            format!("annotation {}", text(&json["name"])),
            vec![query],
            vec![],
        )
    });
    let variables = list(&dashboard["templating"]["list"]);
    let variables = variables
        .filter(|json| json["type"] == "query")
        .map(|json| {
            let query = variable(dashboard, text(&json["query"]["query"]));
            panel(
                format!("variable {}", text(&json["name"])),
                vec![query],
                vec![],
            )
        });
    panels.chain(annotations).chain(variables).collect()
}

/// `label_values(METRIC, LABEL)`, as a query that Prometheus knows.
fn variable(dashboard: &Value, query: &str) -> Query {
    let inner = query.strip_prefix("label_values(").unwrap();
    let (metric, label) = inner.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
    let expression = format!("group by ({label}) ({metric})");
    Query::new(dashboard, &expression, &format!("{{{{{label}}}}}"))
}

/// The columns of a table that are labels. Those that are values must be of
/// one of its queries.
fn columns(panel: &Value) -> Vec<String> {
    let mut columns: Vec<_> = list(&panel["transformations"])
        .flat_map(|transformation| list(&transformation["options"]["include"]["names"]))
        .map(|name| text(name).to_owned())
        .collect();
    let targets: Vec<_> = list(&panel["targets"]).collect();
    let of_a_query = |column: &str| match targets[..] {
        [_] => column == "Value",
        _ => targets
            .iter()
            .any(|target| column == format!("Value #{}", text(&target["refId"]))),
    };
    columns.retain(|column| !of_a_query(column));
    columns
}

/// The names in a text like `{{vm}} of {{target}}`.
fn placeholders(text: &str) -> Vec<String> {
    let parts = text.split("{{").skip(1);
    parts
        .map(|part| part.split_once("}}").unwrap().0.to_owned())
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}
