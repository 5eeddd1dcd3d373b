// The timeseries panel: lines, bars and points over time, with annotations.
import {
  axisLook,
  draw,
  grid,
  hasLegend,
  timeLook,
  tooltipLook,
  tooltipOf,
  type Drawing,
  type LegendEntry,
} from './charts';
import { colour } from './colours';
import { fieldColour, fieldsOf, isHidden, numbers, reduce, show, timeOf } from './fields';
import type { Annotation, Field, Panel, PanelData } from './types';
import { formatTime } from './units';

interface Line {
  field: Field;
  time: Field;
  index: number;
  colour: string;
}

export function linesOf(panel: Panel, data: PanelData): Line[] {
  let index = 0;
  return data.frames.flatMap((frame) => {
    const fields = fieldsOf(panel, frame);
    const time = timeOf(fields);
    return time ? numbers(fields).map((field) => ({ field, time, index, colour: fieldColour(field, index++) })) : [];
  });
}

export function timeseries(drawing: Drawing, panel: Panel, data: PanelData, annotations: Annotation[]): void {
  const options = panel.options ?? {};
  const lines = linesOf(panel, data);
  const shown = lines.filter(({ field }) => !drawing.hidden.has(field.title));
  const right = shown.filter(({ field }) => field.config.custom?.axisPlacement === 'right');
  const sides = [shown.filter((one) => !right.includes(one)), right].filter((side) => side.length);
  const series: any[] = shown.map((one) =>
    seriesOf(
      one,
      sides.findIndex((side) => side.includes(one)),
      shown.length,
    ),
  );
  if (!series.length) series.push({ type: 'line', data: [] });
  Object.assign(series[0], marks(annotations, data), limits(shown[0]?.field));
  draw(
    drawing,
    {
      useUTC: drawing.utc,
      grid,
      tooltip: {
        ...tooltipLook(),
        trigger: 'axis',
        formatter: (points: any) => tooltip(points, shown, options, drawing.utc),
      },
      xAxis: { type: 'time', min: data.from, max: data.to, ...timeLook() },
      yAxis: (sides.length ? sides : [[]]).map((side, at) =>
        valueAxis(
          side.map(({ field }) => field),
          at,
        ),
      ),
      series,
    },
    hasLegend(options) && lines.length > (options.legend ? 0 : 1) ? lines.map((one) => legendEntry(one, options)) : [],
    options.legend?.placement === 'right',
  );
}

function legendEntry({ field, colour }: Line, options: Record<string, any>): LegendEntry {
  const values = ((options.legend?.calcs ?? []) as string[]).map(
    (calc) => show(field, reduce(field.values, calc)).text,
  );
  return { name: field.title, colour, value: values.join(' · ') };
}

export function valueAxis(fields: Field[], at = 0): object {
  const config = fields[0]?.config ?? {};
  const { axisSoftMin, axisSoftMax, axisLabel, scaleDistribution } = config.custom ?? {};
  const least = (value: { min: number }) => (axisSoftMin === undefined ? undefined : Math.min(axisSoftMin, value.min));
  const most = (value: { max: number }) => (axisSoftMax === undefined ? undefined : Math.max(axisSoftMax, value.max));
  return {
    type: scaleDistribution?.type === 'log' ? 'log' : 'value',
    position: at ? 'right' : 'left',
    name: axisLabel || undefined,
    min: config.min ?? (axisSoftMin === undefined ? undefined : least),
    max: config.max ?? (axisSoftMax === undefined ? undefined : most),
    scale: axisSoftMin === undefined,
    minInterval: config.decimals === 0 ? 1 : undefined,
    ...axisLook(),
    axisLabel: {
      ...axisLook().axisLabel,
      formatter: (value: number) =>
        fields[0] ? show({ ...fields[0], config: { ...config, mappings: [] } }, value).text : '',
    },
    ...(at ? { splitLine: { show: false } } : {}),
  };
}

function seriesOf({ field, time, colour }: Line, axis: number, count: number): object {
  const custom = field.config.custom ?? {};
  const data = field.values.map((value, at) => [time.values[at], value === null ? null : Number(value)]);
  const stacking = custom.stacking?.mode && custom.stacking.mode !== 'none' ? custom.stacking.group || 'A' : undefined;
  const common = {
    name: field.title,
    data,
    yAxisIndex: Math.max(axis, 0),
    stack: stacking,
    itemStyle: { color: colour },
    color: colour,
  };
  const opacity = (custom.fillOpacity ?? 0) / 100;
  if (custom.drawStyle === 'bars') {
    const look = {
      color: colour,
      opacity: Math.max(opacity, 0.55),
      borderColor: colour,
      borderWidth: custom.lineWidth ? 0.5 : 0,
    };
    return { ...common, type: 'bar', barMaxWidth: 36, barMinHeight: 1, itemStyle: look };
  }
  if (custom.drawStyle === 'points') return { ...common, type: 'scatter', symbolSize: custom.pointSize ?? 6 };
  const points = data.filter(([, value]) => value !== null).length;
  const isLonely =
    points === 1 ||
    data.some(
      ([, value], at) => value !== null && (data[at - 1]?.[1] ?? null) === null && (data[at + 1]?.[1] ?? null) === null,
    );
  return {
    ...common,
    type: 'line',
    showSymbol: custom.showPoints === 'always' || (isLonely && points < 500),
    symbol: 'circle',
    symbolSize: custom.pointSize ?? 5,
    connectNulls: custom.spanNulls === true || typeof custom.spanNulls === 'number',
    lineStyle: {
      width: custom.lineWidth ?? 1.5,
      color: colour,
      type: custom.lineStyle?.fill === 'dash' ? 'dashed' : 'solid',
    },
    smooth: custom.lineInterpolation === 'smooth' ? 0.3 : false,
    smoothMonotone: 'x',
    step:
      custom.lineInterpolation === 'stepBefore' ? 'end' : custom.lineInterpolation === 'stepAfter' ? 'start' : false,
    areaStyle:
      opacity && custom.drawStyle !== 'points'
        ? { color: colour, opacity: stacking || count < 4 ? opacity : opacity / 2 }
        : undefined,
    sampling: points > 3000 ? 'lttb' : undefined,
  };
}

function marks(annotations: Annotation[], { from, to }: PanelData): object {
  const inside = annotations.filter(({ time, timeEnd }) => time <= to && (timeEnd ?? time) >= from);
  return {
    markLine: {
      silent: false,
      symbol: 'none',
      animation: false,
      label: { show: false },
      data: inside.map(({ time, color, text, name }) => ({
        name: text || name,
        xAxis: Math.max(time, from),
        lineStyle: { color: colour(color), type: 'dashed', width: 1 },
      })),
      tooltip: {
        trigger: 'item',
        formatter: ({ data }: any) => tooltipOf(formatTime(data.xAxis), [{ name: data.name, value: '' }]),
      },
    },
    markArea: {
      silent: true,
      animation: false,
      data: inside
        .filter(({ timeEnd }) => timeEnd)
        .map(({ time, timeEnd, color }) => [
          { xAxis: Math.max(time, from), itemStyle: { color: colour(color), opacity: 0.12 } },
          { xAxis: Math.min(timeEnd!, to) },
        ]),
    },
  };
}

// Lines of the thresholds, where the panel shows them.
function limits(field?: Field): { markLine?: object } {
  const mode: string = field?.config.custom?.thresholdsStyle?.mode ?? 'off';
  if (!field || (!mode.includes('line') && mode !== 'dashed')) return {};
  const steps = (field.config.thresholds?.steps ?? []).filter(({ value }) => value !== null);
  return {
    markLine: {
      silent: true,
      symbol: 'none',
      animation: false,
      label: { show: false },
      data: steps.map(({ value, color }) => ({
        yAxis: value,
        lineStyle: { color: colour(color), type: mode.includes('dashed') ? 'dashed' : 'solid' },
      })),
    },
  };
}

function tooltip(points: any, lines: Line[], options: Record<string, any>, utc: boolean): HTMLElement {
  const all: any[] = [points].flat();
  const entries = all
    .map((point) => ({ point, line: lines.find(({ field }) => field.title === point.seriesName) }))
    .filter(({ line, point }) => line && !isHidden(line.field, 'tooltip') && point.value[1] !== null);
  if (options.tooltip?.sort === 'desc') entries.sort((a, b) => b.point.value[1] - a.point.value[1]);
  if (options.tooltip?.sort === 'asc') entries.sort((a, b) => a.point.value[1] - b.point.value[1]);
  return tooltipOf(
    all.length ? formatTime(Number(all[0].axisValue ?? all[0].value[0]), utc) : '',
    entries.slice(0, 20).map(({ point, line }) => ({
      name: line!.field.title,
      colour: line!.colour,
      value: show(line!.field, point.value[1]).text,
    })),
  );
}
