// Numbers with units, by the ids that Grafana's files have.

const CURRENCIES: Record<string, string> = {
  currencyUSD: '$',
  currencyEUR: '€',
  currencyGBP: '£',
  currencyJPY: '¥',
  currencyINR: '₹',
  currencyCHF: 'CHF ',
};
const SUFFIXES: Record<string, string> = {
  reqps: ' req/s',
  rps: ' reads/s',
  ops: ' ops/s',
  cps: ' c/s',
  eps: ' events/s',
  wps: ' writes/s',
  cpm: ' c/m',
  opm: ' ops/m',
  pps: ' p/s',
  humidity: ' %H',
  degree: '°',
  celsius: ' °C',
  pixel: ' px',
  rpm: ' rpm',
};
const TIMES: [number, string][] = [
  [31_536_000, 'year'],
  [604_800, 'week'],
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'min'],
  [1, 's'],
];

// Decimals that make about three figures, where the dashboard names none.
function fixed(value: number, decimals?: number | null): string {
  if (decimals === undefined || decimals === null) {
    const size = Math.abs(value);
    decimals = Number.isInteger(value) || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 5;
    const text = value.toLocaleString('en', { maximumFractionDigits: decimals });
    return text === '-0' ? '0' : text;
  }
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

// A percentage: one decimal is enough from 10 % on.
const share = (value: number, decimals?: number | null): string =>
  typeof decimals === 'number' || Math.abs(value) < 10
    ? fixed(value, decimals)
    : value.toLocaleString('en', { maximumFractionDigits: 1 });

function scaled(value: number, base: number, names: string[], decimals?: number | null): string {
  let step = 0;
  while (Math.abs(value) >= base && step < names.length - 1) {
    value /= base;
    step++;
  }
  if (step === 0 || typeof decimals === 'number') return fixed(value, decimals) + names[step];
  const size = Math.abs(value);
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 }) + names[step];
}

function seconds(value: number, decimals?: number | null): string {
  const size = Math.abs(value);
  if (size === 0) return '0 s';
  if (size < 1e-3) return `${fixed(value * 1e6, decimals)} µs`;
  if (size < 1) return `${fixed(value * 1e3, decimals)} ms`;
  const [length, name] = TIMES.find(([length]) => size >= length)!;
  const shown = fixed(value / length, decimals ?? (Number.isInteger(value / length) ? 0 : 1));
  return `${shown} ${name}${shown === '1' || length <= 60 ? '' : 's'}`;
}

// 3725 is 1 hour, 2 minutes.
function duration(value: number): string {
  if (value === 0) return '0 s';
  let left = Math.abs(value);
  const parts: string[] = [];
  for (const [length, name] of TIMES) {
    const count = length === 1 && !parts.length ? Math.round(left * 10) / 10 : Math.floor(left / length);
    if (count > 0) parts.push(`${count} ${name}${count === 1 || length <= 60 ? '' : 's'}`);
    left -= count * length;
    if (parts.length === 2) break;
  }
  return (value < 0 ? '-' : '') + (parts.join(', ') || '0 s');
}

const clock = (value: number): string => {
  const whole = Math.round(value);
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
};

export function formatTime(value: number, utc = false): string {
  const time = new Date(value);
  const shifted = new Date(utc ? value : value - time.getTimezoneOffset() * 60_000);
  return shifted.toISOString().replace('T', ' ').slice(0, 19);
}

export function formatNumber(value: number, unit = 'none', decimals?: number | null): string {
  if (unit in CURRENCIES) return CURRENCIES[unit] + scaled(value, 1000, ['', ' K', ' M', ' B'], decimals);
  if (unit in SUFFIXES) return scaled(value, 1000, ['', ' K', ' M'], decimals) + SUFFIXES[unit];
  if (unit.startsWith('suffix:')) return `${fixed(value, decimals)} ${unit.slice(7)}`;
  if (unit.startsWith('prefix:')) return unit.slice(7) + fixed(value, decimals);
  if (unit.startsWith('currency:')) return `${fixed(value, decimals ?? 2)} ${unit.slice(9)}`;
  switch (unit) {
    case 'short':
      return scaled(value, 1000, ['', ' K', ' Mil', ' Bil', ' Tri'], decimals);
    case 'percent':
      return `${share(value, decimals)}%`;
    case 'percentunit':
      return `${share(value * 100, decimals)}%`;
    case 'ns':
      return seconds(value / 1e9, decimals);
    case 'µs':
    case 'us':
      return seconds(value / 1e6, decimals);
    case 'ms':
      return seconds(value / 1e3, decimals);
    case 's':
      return seconds(value, decimals);
    case 'm':
      return seconds(value * 60, decimals);
    case 'h':
      return seconds(value * 3600, decimals);
    case 'd':
      return seconds(value * 86_400, decimals);
    case 'dtdurations':
      return duration(value);
    case 'dtdurationms':
      return duration(value / 1000);
    case 'dthms':
    case 'clocks':
      return clock(value);
    case 'clockms':
      return clock(value / 1000);
    case 'bytes':
      return scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB'], decimals);
    case 'decbytes':
      return scaled(value, 1000, [' B', ' kB', ' MB', ' GB', ' TB'], decimals);
    case 'Bps':
      return `${scaled(value, 1000, [' B', ' kB', ' MB', ' GB'], decimals)}/s`;
    case 'binBps':
      return `${scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB'], decimals)}/s`;
    case 'dateTimeAsIso':
    case 'dateTimeAsSystem':
    case 'dateTimeAsLocal':
    case 'dateTimeAsIsoNoDateIfToday':
      return formatTime(value);
    case 'dateTimeFromNow':
      return `${seconds(Math.abs(Date.now() - value) / 1000, 0)} ${value > Date.now() ? 'ahead' : 'ago'}`;
    default:
      return fixed(value, decimals);
  }
}
