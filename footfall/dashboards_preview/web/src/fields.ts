// Columns with what the panel says about them: names, overrides, values as text.
import { colour, schemeColour, seriesColour, thresholdColour } from './colours';
import type { Cell, Column, Field, FieldConfig, Frame, Mapping, Panel } from './types';
import { formatNumber, formatTime } from './units';

export function fieldsOf(panel: Panel, frame: Frame): Field[] {
  return frame.columns.map((column, at) => {
    const title = named(column, frame.columns);
    const config = configOf(panel, column, title, frame.refId);
    return {
      name: column.name,
      type: column.type,
      labels: column.labels,
      config,
      values: frame.rows.map((row) => row[at] ?? null),
      title: config.displayName ? filledName(config.displayName, column) : title,
    };
  });
}

// A series is called by its column and its labels: only the value of a label that all have, else all of them.
function named(column: Column, all: Column[]): string {
  const labels = Object.entries(column.labels);
  if (!labels.length) return column.name;
  const keys = new Set(all.flatMap((other) => Object.keys(other.labels)));
  const told = keys.size === 1 ? labels[0]![1] : `{${labels.map(([key, value]) => `${key}="${value}"`).join(', ')}}`;
  return column.name === 'Value' ? told : `${column.name} ${told}`;
}

const filledName = (text: string, column: Column): string =>
  text
    .replace(/\$\{__field\.labels\.(\w+)\}/g, (_, key) => column.labels[key] ?? '')
    .replace(/\$\{__field\.name\}/g, column.name);

function configOf(panel: Panel, column: Column, title: string, refId: string): FieldConfig {
  const config: FieldConfig = structuredClone(panel.fieldConfig?.defaults ?? {});
  config.custom ??= {};
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    if (!matches(matcher, column, title, refId)) continue;
    for (const { id, value } of properties) {
      if (id.startsWith('custom.')) config.custom[id.slice(7)] = value;
      else (config as any)[id] = value;
    }
  }
  return config;
}

function matches(matcher: { id: string; options: any }, column: Column, title: string, refId: string): boolean {
  switch (matcher.id) {
    case 'byName':
      return matcher.options === title || matcher.options === column.name;
    case 'byRegexp': {
      const [, pattern, flags] = /^\/(.*)\/(\w*)$/.exec(String(matcher.options)) ?? [null, String(matcher.options), ''];
      try {
        return new RegExp(pattern!, flags).test(title);
      } catch {
        return false;
      }
    }
    case 'byType':
      return matcher.options === column.type;
    case 'byFrameRefID':
      return matcher.options === refId;
    default:
      return false;
  }
}

export const numbers = (fields: Field[]): Field[] =>
  fields.filter((field) => (field.type === 'number' || field.type === 'boolean') && !isHidden(field, 'viz'));
export const timeOf = (fields: Field[]): Field | undefined => fields.find((field) => field.type === 'time');
export const isHidden = (field: Field, where: 'viz' | 'legend' | 'tooltip'): boolean =>
  Boolean(field.config.custom?.hideFrom?.[where]);

export function reduce(values: Cell[], calc: string): Cell {
  const there = values.filter((value): value is string | number | boolean => value !== null);
  const figures = there.map(Number);
  const sum = figures.reduce((total, value) => total + value, 0);
  switch (calc) {
    case 'last':
      return values.at(-1) ?? null;
    case 'first':
      return values[0] ?? null;
    case 'firstNotNull':
      return there[0] ?? null;
    case 'count':
      return values.length;
    case 'changeCount':
      return there.filter((value, at) => at > 0 && value !== there[at - 1]).length;
    case 'distinctCount':
      return new Set(there).size;
    case 'sum':
      return there.length ? sum : null;
    case 'mean':
      return there.length ? sum / there.length : null;
    case 'min':
      return there.length ? Math.min(...figures) : null;
    case 'max':
      return there.length ? Math.max(...figures) : null;
    case 'range':
      return there.length ? Math.max(...figures) - Math.min(...figures) : null;
    case 'diff':
      return there.length ? figures.at(-1)! - figures[0]! : null;
    default:
      return there.at(-1) ?? null;
  }
}

export interface Shown {
  text: string;
  colour?: string;
}

// A value as the panel wants it: mapped, or with its unit.
export function show(field: Field, value: Cell): Shown {
  const mapped = mapping(field.config.mappings ?? [], value);
  if (mapped?.text !== undefined) return { text: mapped.text, colour: mapped.color && colour(mapped.color) };
  const tint = mapped?.color && colour(mapped.color);
  if (value === null) return { text: field.config.noValue ?? '–', colour: tint };
  if (field.type === 'time') return { text: formatTime(Number(value)), colour: tint };
  if (typeof value === 'number' && field.type !== 'string') {
    return { text: formatNumber(value, field.config.unit, field.config.decimals), colour: tint };
  }
  return { text: String(value), colour: tint };
}

function mapping(all: Mapping[], value: Cell): { text?: string; color?: string } | undefined {
  for (const { type, options } of all) {
    if (type === 'value' && value !== null && String(value) in options) return options[String(value)];
    if (
      type === 'range' &&
      typeof value === 'number' &&
      value >= (options.from ?? -Infinity) &&
      value <= (options.to ?? Infinity)
    ) {
      return options.result;
    }
    if (type === 'special') {
      const fits = {
        null: value === null,
        nan: false,
        'null+nan': value === null,
        empty: value === '',
        true: value === true,
        false: value === false,
      }[String(options.match)];
      if (fits) return options.result;
    }
    if (type === 'regex' && typeof value === 'string') {
      const [, pattern, flags] = /^\/(.*)\/(\w*)$/.exec(options.pattern) ?? [null, options.pattern, ''];
      try {
        if (new RegExp(pattern, flags).test(value)) return options.result;
      } catch {
        /* a pattern of another dialect */
      }
    }
  }
  return undefined;
}

// The colour of a whole series or slice.
export function fieldColour(field: Field, index: number): string {
  const { mode, fixedColor } = field.config.color ?? { mode: 'palette-classic' };
  if ((mode === 'fixed' || mode === 'shades') && fixedColor) return colour(fixedColor);
  if (mode === 'thresholds') return thresholdColour(field.config, reduce(field.values, 'lastNotNull'));
  return seriesColour(index);
}

// The colour of one value, by the field's thresholds or scale.
export function valueColour(field: Field, value: Cell): string {
  const shown = show(field, value).colour;
  if (shown) return shown;
  const { mode, fixedColor } = field.config.color ?? { mode: 'thresholds' };
  if (mode === 'fixed' && fixedColor) return colour(fixedColor);
  if (mode.startsWith('continuous-') && typeof value === 'number') {
    const figures = field.values.filter((one): one is number => typeof one === 'number');
    const [low, high] = [field.config.min ?? Math.min(...figures), field.config.max ?? Math.max(...figures)];
    return schemeColour(mode, high > low ? (value - low) / (high - low) : 1);
  }
  return thresholdColour(field.config, value);
}
