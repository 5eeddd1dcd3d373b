// Addresses of links with variables, as Grafana's have them.
import { parameters } from './state';
import type { Cell, Field, Link, Variable } from './types';
import { show } from './fields';

// Where a link stands: the variables, the time range in ms, and its words such as now-7d.
export interface Place {
  variables: Variable[];
  from: number;
  to: number;
  words: { from: string; to: string };
}

// Text with the variables that a title or a description names.
export function fillText(text: string, variables: Variable[]): string {
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)/g, (whole, ...names) => {
    const variable = variables.find(({ name }) => name === names.slice(0, 3).find(Boolean));
    return variable ? texts(variable).join(' + ') : whole;
  });
}

export const texts = (variable: Variable): string[] =>
  variable.current.map((value) => variable.options.find((option) => option.value === value)?.text ?? value);

// The address of a link; undefined where it leads nowhere that a page may lead.
export function fillLink(
  link: Link,
  place: Place,
  row?: { fields: Field[]; at: number; field: Field },
): string | undefined {
  const filled = link.url.replace(/\$\{([^}]+)\}|\$(__\w+|\w+)/g, (whole, braced, plain) => {
    const [name, form] = String(braced ?? plain).split(':') as [string, string?];
    const value = known(name, form, place, row);
    return value === undefined ? whole : value;
  });
  const search = new URLSearchParams();
  if (link.keepTime) for (const [name, value] of time(place)) search.set(name, value);
  if (link.includeVars) for (const [name, value] of chosen(place)) search.append(name, value);
  const theme = parameters().get('theme');
  const isOwn = filled.startsWith('/') || filled.startsWith('?');
  if (theme && isOwn) search.set('theme', theme);
  const more = search.toString();
  const address = more ? filled + (filled.includes('?') ? '&' : '?') + more : filled;
  try {
    return ['http:', 'https:', 'mailto:'].includes(new URL(address, location.href).protocol) ? address : undefined;
  } catch {
    return undefined;
  }
}

// Whether a rule's text is a whole address of a page.
export const isAddress = (text: string): boolean => /^https?:\/\//.test(text) && URL.canParse(text);

function known(
  name: string,
  form: string | undefined,
  place: Place,
  row?: { fields: Field[]; at: number; field: Field },
) {
  if (name === '__url_time_range') return new URLSearchParams(time(place)).toString();
  if (name === '__all_variables') return new URLSearchParams(chosen(place)).toString();
  if (name === '__from') return String(place.from);
  if (name === '__to') return String(place.to);
  if (row) {
    const data = /^__data\.fields(?:\.(\w+)|\[["']?(.+?)["']?\])(?:\.(\w+))?$/.exec(name);
    if (data) {
      const key = data[1] ?? data[2]!;
      const field = row.fields.find((one) => one.title === key || one.name === key) ?? row.fields[Number(key)];
      return field && encoded(data[3] === 'text' ? show(field, field.values[row.at]!).text : field.values[row.at]!);
    }
    const value = row.field.values[row.at]!;
    if (name === '__value.raw' || name === '__value') return encoded(value);
    if (name === '__value.text' || name === '__value.numeric') return encoded(show(row.field, value).text);
    if (name === '__value.time') return encoded(row.fields.find(({ type }) => type === 'time')?.values[row.at] ?? '');
    if (name === '__field.name' || name === '__series.name') return encoded(row.field.title);
    const label = /^__field\.labels\.(\w+)$/.exec(name);
    if (label) return encoded(row.field.labels[label[1]!] ?? '');
  }
  const variable = place.variables.find((one) => one.name === name);
  if (!variable) return undefined;
  if (form === 'queryparam')
    return new URLSearchParams(variable.current.map((value) => [`var-${name}`, value])).toString();
  return encoded((form === 'text' ? texts(variable) : variable.current).join(','));
}

const encoded = (value: Cell): string => encodeURIComponent(String(value ?? ''));
const time = ({ words }: Place): [string, string][] => [
  ['from', words.from],
  ['to', words.to],
];
const chosen = ({ variables }: Place): [string, string][] =>
  variables.flatMap(({ name, current }) => current.map((value): [string, string] => [`var-${name}`, value]));
