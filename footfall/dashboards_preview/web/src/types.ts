// What the server answers: dashboards as Grafana's files have them, and rows.

export type Cell = string | number | boolean | null;
export interface Column {
  name: string;
  type: 'time' | 'number' | 'boolean' | 'string';
  labels: Record<string, string>;
}
export interface Frame {
  refId: string;
  columns: Column[];
  rows: Cell[][];
  truncated: boolean;
}
export interface PanelData {
  from: number;
  to: number;
  frames: Frame[];
  needs: string[];
}

export interface Step {
  color: string;
  value: number | null;
}
export interface Mapping {
  type: string;
  options: any;
}
export interface Link {
  title: string;
  url: string;
  targetBlank?: boolean;
  type?: string;
  tags?: string[];
  keepTime?: boolean;
  includeVars?: boolean;
}
export interface FieldConfig {
  unit?: string;
  decimals?: number | null;
  min?: number | null;
  max?: number | null;
  noValue?: string;
  displayName?: string;
  thresholds?: { mode: string; steps: Step[] };
  mappings?: Mapping[];
  links?: Link[];
  color?: { mode: string; fixedColor?: string };
  custom?: Record<string, any>;
}
export interface Override {
  matcher: { id: string; options: any };
  properties: { id: string; value: any }[];
}
export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  gridPos?: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults?: FieldConfig; overrides?: Override[] };
  options?: Record<string, any>;
  links?: Link[];
  collapsed?: boolean;
  panels?: Panel[];
  transparent?: boolean;
}
export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  tags?: string[];
  timezone?: string;
  refresh?: string | false;
  time?: { from: string; to: string };
  links?: Link[];
  panels: Panel[];
}
export interface Variable {
  name: string;
  label: string;
  kind: string;
  multi: boolean;
  hidden: boolean;
  options: { text: string; value: string }[];
  current: string[];
  fault: string;
}
export interface Annotation {
  name: string;
  color: string;
  time: number;
  timeEnd: number | null;
  text: string;
  tags: string[];
}

// A column with what the panel says about it.
export interface Field {
  name: string;
  title: string;
  type: Column['type'];
  labels: Record<string, string>;
  values: Cell[];
  config: FieldConfig;
}
