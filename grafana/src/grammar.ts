// SPDX-License-Identifier: BSD-2-Clause
// What a dashboard's JSON may be, from the types that Grafana publishes: the
// dashboard's (@grafana/schema), and those of each kind of panel that is used
// here. A key that they do not have is a mistake.

import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";
import type * as BarGauge from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type * as Heatmap from "@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen";
import type * as Stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as StateTimeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as Table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as TimeSeries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as Raw from "@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen";

/** A type as JSON has it: the members of an enumeration of strings are strings. */
type Json<T> = 0 extends 1 & T
  ? T
  : T extends string
    ? `${T}`
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T;

/** Grafana fills in what is left out of a panel's options and of its fields'. */
interface PanelOf<Kind extends string, Options, Custom> extends Omit<
  Raw.Panel,
  "type" | "options" | "fieldConfig" | "targets" | "title" | "description"
> {
  type: Kind;
  title: string;
  description: string;
  options?: Partial<Options>;
  fieldConfig: Omit<Raw.FieldConfigSource, "defaults"> & {
    defaults: Omit<Raw.FieldConfig, "custom"> & { custom?: Partial<Custom> };
  };
  targets: Omit<Dataquery, "_implementsDataqueryVariant">[];
}

type Panel =
  | PanelOf<"bargauge", BarGauge.Options, never>
  | PanelOf<"heatmap", Heatmap.Options, Heatmap.FieldConfig>
  | PanelOf<"stat", Stat.Options, never>
  | PanelOf<"state-timeline", StateTimeline.Options, StateTimeline.FieldConfig>
  | PanelOf<"table", Table.Options, Table.FieldConfig>
  | PanelOf<"timeseries", TimeSeries.Options, TimeSeries.FieldConfig>;

/** What the Prometheus data source adds to the schema's annotations. */
interface PrometheusAnnotation extends Raw.AnnotationQuery {
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
}

export type Dashboard = Json<
  Omit<Raw.Dashboard, "panels" | "annotations" | "uid"> & {
    uid: string;
    panels: (Panel | Raw.RowPanel)[];
    annotations?: { list?: PrometheusAnnotation[] };
  }
>;
