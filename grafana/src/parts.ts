// SPDX-License-Identifier: BSD-2-Clause
// What the dashboards are put together from: panels that can't be made without
// a description, and the variables and links that all of them share.

import * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/** Whatever data source the person picks: no uid of one installation is written down. */
export const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** The whole width of a dashboard, in Grafana's columns. */
export const WIDTH = 24;

export const GREEN = "green";
export const AMBER = "orange";
export const RED = "red";
const NEUTRAL = "text";

/** The dashboards by their stable uid; a link to one can't be misspelt. */
export const UID = {
  fleet: "tcpstats-fleet",
  run: "tcpstats-run",
  vm: "tcpstats-vm",
  trends: "tcpstats-trends",
  orchestrator: "tcpstats-orchestrator",
} as const;

/** What a panel is called, what it says, and how large it is (columns, rows). */
export interface Frame {
  title: string;
  description: string;
  size: readonly [width: number, height: number];
  unit?: string;
  /** From which value on which colour; without it, none means anything. */
  steps?: readonly Step[];
  noValue?: string;
}

type Step = readonly [from: number | null, color: string];

/** What every kind of panel builder of the SDK has. */
interface Framed {
  title(title: string): this;
  description(description: string): this;
  datasource(datasource: common.DataSourceRef): this;
  span(width: number): this;
  height(height: number): this;
  unit(unit: string): this;
  noValue(noValue: string): this;
  thresholds(thresholds: dashboard.ThresholdsConfigBuilder): this;
  withTarget(target: prometheus.DataqueryBuilder): this;
}

function framed<B extends Framed>(
  builder: B,
  frame: Frame,
  targets: readonly prometheus.DataqueryBuilder[],
): B {
  builder
    .title(frame.title)
    .description(frame.description)
    .datasource(DATASOURCE)
    .span(frame.size[0])
    .height(frame.size[1])
    .unit(frame.unit ?? "short")
    .thresholds(thresholds(frame.steps ?? [[null, NEUTRAL]]));
  if (frame.noValue !== undefined) builder.noValue(frame.noValue);
  targets.forEach((target, at) =>
    builder.withTarget(target.refId(String.fromCharCode("A".charCodeAt(0) + at))),
  );
  return builder;
}

function thresholds(steps: readonly Step[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

/** A query over the time range; the legend names labels as `{{label}}`. */
export function series(expr: string, legend: string): prometheus.DataqueryBuilder {
  return query(expr).range().legendFormat(legend);
}

/** A query of the moment, in the form that a table takes. */
export function rows(expr: string): prometheus.DataqueryBuilder {
  return query(expr).instant().format(prometheus.PromQueryFormat.Table);
}

/** A query of the moment with a legend, for one number or a bar each. */
export function now(expr: string, legend: string): prometheus.DataqueryBuilder {
  return query(expr).instant().legendFormat(legend);
}

/** A query whose series are the buckets of a histogram. */
export function buckets(expr: string): prometheus.DataqueryBuilder {
  return query(expr).range().format(prometheus.PromQueryFormat.Heatmap).legendFormat("{{le}}");
}

function query(expr: string): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder().datasource(DATASOURCE).expr(expr);
}

/** One number, or one a series. */
export function number(frame: Frame, ...targets: prometheus.DataqueryBuilder[]): stat.PanelBuilder {
  return framed(new stat.PanelBuilder(), frame, targets)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .colorScheme(byThresholds())
    .reduceOptions(lastValue());
}

/** Lines over time. */
export function lines(
  frame: Frame,
  ...targets: prometheus.DataqueryBuilder[]
): timeseries.PanelBuilder {
  const panel = framed(new timeseries.PanelBuilder(), frame, targets)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(common.VisibilityMode.Auto)
    .spanNulls(false)
    .min(0)
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    )
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .calcs([]),
    );
  if (frame.steps !== undefined) {
    panel.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Line),
    );
  }
  return panel;
}

/** Which state each series was in, over time. */
export function states(
  frame: Frame,
  mapping: dashboard.ValueMapping,
  ...targets: prometheus.DataqueryBuilder[]
): statetimeline.PanelBuilder {
  return framed(new statetimeline.PanelBuilder(), frame, targets)
    .mappings([mapping])
    .colorScheme(byThresholds())
    .mergeValues(true)
    .showValue(common.VisibilityMode.Never)
    .rowHeight(0.8);
}

/** A bar a series, as long as its value. */
export function bars(
  frame: Frame,
  ...targets: prometheus.DataqueryBuilder[]
): bargauge.PanelBuilder {
  return framed(new bargauge.PanelBuilder(), frame, targets)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .orientation(common.VizOrientation.Horizontal)
    .colorScheme(byThresholds())
    .min(0)
    .reduceOptions(lastValue());
}

/** A histogram over time: the darker a cell, the more fell into it. */
export function distribution(
  frame: Frame,
  ...targets: prometheus.DataqueryBuilder[]
): heatmap.PanelBuilder {
  return framed(new heatmap.PanelBuilder(), frame, targets)
    .calculate(false)
    .yAxis(new heatmap.YAxisConfigBuilder().unit(frame.unit ?? "short"))
    .cellValues(new heatmap.CellValuesBuilder().unit("short"));
}

/** A column of a table: the label or `Value #REFID` that it shows, and as what. */
export interface Column {
  from: string;
  as: string;
  unit?: string;
  mapping?: dashboard.ValueMapping;
  steps?: readonly Step[];
  link?: dashboard.DashboardLinkBuilder;
}

/** One row a series; queries with the same labels are joined into one row. */
export function list(
  frame: Frame,
  columns: readonly Column[],
  ...targets: prometheus.DataqueryBuilder[]
): table.PanelBuilder {
  const names = columns.map((column) => column.from);
  const panel = framed(new table.PanelBuilder(), frame, targets)
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({ id: "filterFieldsByName", options: { include: { names } } })
    .withTransformation({
      id: "organize",
      options: {
        indexByName: Object.fromEntries(names.map((name, at) => [name, at])),
        renameByName: Object.fromEntries(columns.map(({ from, as }) => [from, as])),
      },
    });
  for (const column of columns) {
    const properties = looks(column);
    if (properties.length > 0) panel.overrideByName(column.as, properties);
  }
  return panel;
}

function looks(column: Column): dashboard.DynamicConfigValue[] {
  const properties: dashboard.DynamicConfigValue[] = [];
  if (column.unit !== undefined) properties.push({ id: "unit", value: column.unit });
  if (column.mapping !== undefined) properties.push({ id: "mappings", value: [column.mapping] });
  if (column.link !== undefined) properties.push({ id: "links", value: [column.link.build()] });
  if (column.steps !== undefined) {
    properties.push({ id: "thresholds", value: thresholds(column.steps).build() });
    properties.push({ id: "custom.cellOptions", value: { type: "color-text" } });
  }
  return properties;
}

function byThresholds(): dashboard.FieldColorBuilder {
  return new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.Thresholds);
}

function lastValue(): common.ReduceDataOptionsBuilder {
  return new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false).fields("");
}

/** Words for the values of a gauge that is 0 or 1. */
export function words(zero: string, one: string): dashboard.ValueMap {
  return {
    type: dashboard.MappingType.ValueToText,
    options: { "0": { text: zero, index: 0 }, "1": { text: one, index: 1 } },
  };
}

export const ZERO_IS_BAD: readonly Step[] = [
  [null, RED],
  [1, GREEN],
];
export const ANY_IS_BAD: readonly Step[] = [
  [null, GREEN],
  [1, RED],
];

/** A choice among the values of a label, of which several or all may be taken. */
export function choice(
  label: string,
  metric: string,
  description: string,
): dashboard.QueryVariableBuilder {
  return oneOf(label, metric, description)
    .multi(true)
    .includeAll(true)
    .allValue(".*")
    .current({ selected: true, text: ["All"], value: ["$__all"] });
}

/** A choice of one value of a label. */
export function oneOf(
  label: string,
  metric: string,
  description: string,
): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(label)
    .description(description)
    .datasource(DATASOURCE)
    .query({ query: `label_values(${metric}, ${label})`, refId: label })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.NaturalAsc);
}

/** To the VM that is in this column. */
export function linkToVm(column: string): dashboard.DashboardLinkBuilder {
  return dataLink("The VM", `/d/${UID.vm}?var-vm=\${__data.fields.${column}}`);
}

/** To the trends of the VM and the benchmark that are in these columns. */
export function linkToTrend(vm: string, benchmark: string): dashboard.DashboardLinkBuilder {
  return dataLink(
    "Its trend",
    `/d/${UID.trends}?var-vm=\${__data.fields.${vm}}&var-benchmark=\${__data.fields.${benchmark}}`,
  );
}

function dataLink(title: string, url: string): dashboard.DashboardLinkBuilder {
  const kept = "${datasource:queryparam}&${__url_time_range}";
  return new dashboard.DashboardLinkBuilder(title).url(`${url}&${kept}`);
}

/** An empty dashboard with what all have in common. */
export function frame(
  uid: keyof typeof UID,
  title: string,
  description: string,
): dashboard.DashboardBuilder {
  return new dashboard.DashboardBuilder(`tcpstats / ${title}`)
    .uid(UID[uid])
    .description(description)
    .tags(["tcpstats"])
    .timezone("browser")
    .time({ from: "now-24h", to: "now" })
    .refresh("30s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .link(
      new dashboard.DashboardLinkBuilder("tcpstats")
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(["tcpstats"])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true)
        .tooltip("The other dashboards of tcpstats, for the same VMs and time"),
    )
    .withVariable(
      new dashboard.DatasourceVariableBuilder("datasource")
        .label("Data source")
        .description("The Prometheus that scrapes the orchestrator.")
        .type("prometheus"),
    );
}

export function row(title: string): dashboard.RowBuilder {
  return new dashboard.RowBuilder(title);
}
