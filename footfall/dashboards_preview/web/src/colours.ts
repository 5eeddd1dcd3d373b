// Grafana's names of colours, as hues that can be read on both themes, and colours of values.
import { isDark } from './state';
import type { Cell, FieldConfig } from './types';

const SERIES = {
  light: ['#2160c4', '#b8500b', '#0b7a69', '#7d3bbf', '#b02a62', '#5f6d0c', '#0c6f99', '#83532a', '#5b6472', '#a3161a'],
  dark: ['#74a9ff', '#ff9f5a', '#46c7ae', '#c49cff', '#ff8ab2', '#bfcd57', '#5cc8f2', '#d8a675', '#aeb8c6', '#ff8078'],
};
const NAMED: Record<'light' | 'dark', Record<string, string>> = {
  light: { green: '#1a7a3c', yellow: '#846600', orange: '#b0520a', red: '#c01f26', blue: '#2160c4', purple: '#7d3bbf' },
  dark: { green: '#4cc277', yellow: '#e5bd3c', orange: '#ff9a4d', red: '#ff7b76', blue: '#74a9ff', purple: '#c49cff' },
};
const SCHEMES: Record<string, [string, string]> = {
  blues: ['blue', 'blue'],
  greens: ['green', 'green'],
  oranges: ['orange', 'orange'],
  reds: ['red', 'red'],
  purples: ['purple', 'purple'],
  grylrd: ['green', 'red'],
  rdylgr: ['red', 'green'],
  ylrd: ['yellow', 'red'],
  blpu: ['blue', 'purple'],
  ylbl: ['yellow', 'blue'],
  blyl: ['blue', 'yellow'],
};

const theme = (): 'light' | 'dark' => (isDark() ? 'dark' : 'light');
export const ink = (): string => (isDark() ? '#e6e9ef' : '#1c2330');
export const faint = (): string => (isDark() ? '#a3adbb' : '#565f6e');
export const line = (): string => (isDark() ? '#353d4a' : '#dfe3ea');
export const surface = (): string => (isDark() ? '#1b212b' : '#ffffff');
export const seriesColour = (index: number): string => SERIES[theme()][index % SERIES.light.length]!;

export function colour(name: string): string {
  if (name === 'text' || name === '') return ink();
  if (name === 'transparent') return 'transparent';
  const [, shade, hue] = /^(super-light-|light-|semi-dark-|dark-)?(\w+)$/.exec(name) ?? [];
  const base = hue && NAMED[theme()][hue];
  if (!base) return CSS.supports('color', name) ? name : ink();
  return shade?.includes('light') ? mix(base, surface(), 0.25) : base;
}

const channels = (hex: string): number[] => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

// A colour with so much of another in it, 0 to 1.
export function mix(one: string, other: string, share: number): string {
  const [a, b] = [channels(one), channels(other)];
  return `#${a
    .map((value, at) =>
      Math.round(value + (b[at]! - value) * share)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`;
}

// The colour of a share, 0 to 1, in a scheme such as Blues or continuous-GrYlRd.
export function schemeColour(scheme: string, share: number, exponent = 1): string {
  const [low, high] = SCHEMES[scheme.replace('continuous-', '').toLowerCase()] ?? SCHEMES.blues!;
  const place = Math.max(0, Math.min(1, share)) ** exponent;
  if (low === high) return mix(colour(high!), surface(), 0.88 * (1 - place));
  const middle = colour('yellow');
  return place < 0.5 ? mix(colour(low!), middle, place * 2) : mix(middle, colour(high!), place * 2 - 1);
}

// Ink that can be read on a filled cell.
export function inkOn(background: string): string {
  if (!background.startsWith('#')) return ink();
  const [r, g, b] = channels(background).map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b! > 0.18 ? '#10151d' : '#ffffff';
}

export function thresholdColour(config: FieldConfig, value: Cell): string {
  const steps = config.thresholds?.steps ?? [];
  const number = typeof value === 'number' ? value : NaN;
  const [low, high] = [config.min ?? 0, config.max ?? 100];
  const compared = config.thresholds?.mode === 'percentage' ? ((number - low) / (high - low)) * 100 : number;
  let found = steps[0]?.color ?? 'text';
  for (const step of steps) if (step.value === null || compared >= step.value) found = step.color;
  return colour(found);
}
