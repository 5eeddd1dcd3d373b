// The geomap panel: countries shaded by a value, or markers at places; outlines of world-atlas.
import { feature } from 'topojson-client';
import { draw, tooltipLook, tooltipOf, type Drawing } from './charts';
import { colour, line, mix, schemeColour, surface } from './colours';
import { registerMap } from './echarts.js';
import { fieldsOf, numbers, show } from './fields';
import type { Cell, Field, Panel, PanelData } from './types';

interface World {
  outlines: any;
  points: Record<string, [number, number]>;
}

let loading: Promise<World> | undefined;

// Fetched once, when the first map is drawn.
function world(): Promise<World> {
  loading ??= fetch('/static/world.json')
    .then((answer) => answer.json())
    .then((found: World) => {
      registerMap('world', unwrapped(feature(found.outlines, found.outlines.objects.countries)) as any);
      outlined = new Set(found.outlines.objects.countries.geometries.map((shape: any) => shape.properties.name));
      return found;
    });
  return loading;
}

// Outlines that cross 180° go on beyond it instead of back around the world.
function unwrapped(world: any): any {
  for (const { geometry } of world.features) {
    for (const polygon of geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates) {
      for (const ring of polygon) {
        for (let at = 1; at < ring.length; at++) {
          const jump = ring[at][0] - ring[at - 1][0];
          if (Math.abs(jump) > 180) ring[at][0] -= Math.sign(jump) * 360;
        }
        if (Math.min(...ring.map(([longitude]: number[]) => longitude)) < -180)
          for (const point of ring) point[0] += 360;
      }
    }
  }
  return world;
}

let outlined = new Set<string>();
const regions = new Intl.DisplayNames(['en'], { type: 'region' });

export function countryName(code: string): string {
  try {
    return regions.of(code) ?? code;
  } catch {
    return code;
  }
}

export async function geomap(drawing: Drawing, panel: Panel, data: PanelData, isCurrent: () => boolean): Promise<void> {
  const { points } = await world();
  if (!isCurrent()) return;
  const layer = panel.options?.layers?.[0] ?? {};
  const fields = data.frames[0] ? fieldsOf(panel, data.frames[0]) : [];
  const named = (name?: string) => fields.find((field) => name && (field.title === name || field.name === name));
  const size = named(layer.config?.style?.size?.field) ?? named(layer.config?.style?.color?.field);
  const latitude = named(layer.location?.latitude) ?? fields.find(({ name }) => /^lat(itude)?$/i.test(name));
  const longitude = named(layer.location?.longitude) ?? fields.find(({ name }) => /^lo?ng?(itude)?$/i.test(name));
  const value = size ?? numbers(fields).find((field) => field !== latitude && field !== longitude);
  const code = named(layer.location?.lookup) ?? fields.find(({ type }) => type === 'string');
  const most = Math.max(...(value?.values ?? []).map(Number), 0);
  const share = (one: Cell): number => (most > 0 ? Number(one) / most : 0);
  const { min = 3, max = 15 } = layer.config?.style?.size ?? {};
  const place = (at: number): [number, number] | undefined =>
    latitude && longitude
      ? [Number(longitude.values[at]), Number(latitude.values[at])]
      : points[String(code?.values[at]).toUpperCase()];
  const rows = (data.frames[0]?.rows ?? []).map((_, at) => ({
    at,
    name: String(code?.values[at] ?? '').toUpperCase(),
    value: value?.values[at] ?? null,
  }));
  const isShaded = !(latitude && longitude) && Boolean(code);
  const shaded = isShaded ? rows.filter(({ name }) => outlined.has(name)) : [];
  const marked = rows.filter(({ name, at }) => place(at) && (!isShaded || !outlined.has(name)));
  const scheme = panel.fieldConfig?.defaults?.color?.mode?.startsWith('continuous-')
    ? panel.fieldConfig.defaults.color.mode
    : 'Blues';
  const words = (at: number): HTMLElement =>
    tooltipOf(isShaded ? countryName(rows[at]!.name) : String(code?.values[at] ?? ''), [
      { name: value?.title ?? '', value: value ? show(value as Field, rows[at]!.value).text : '' },
    ]);
  const base = mix(surface(), line(), 0.75);
  draw(drawing, {
    tooltip: {
      ...tooltipLook(),
      trigger: 'item',
      formatter: ({ data: item }: any) => (item?.at === undefined ? '' : words(item.at)),
    },
    geo: {
      map: 'world',
      roam: false,
      left: 4,
      right: 4,
      top: 4,
      bottom: 4,
      silent: false,
      nameProperty: 'name',
      itemStyle: { areaColor: base, borderColor: surface(), borderWidth: 0.5 },
      emphasis: { disabled: true },
      select: { disabled: true },
      tooltip: { show: false },
    },
    series: [
      {
        type: 'map',
        geoIndex: 0,
        map: 'world',
        tooltip: { show: true },
        data: shaded.map(({ at, name, value: one }) => ({ at, name, value: one })),
      },
      {
        type: 'scatter',
        coordinateSystem: 'geo',
        symbolSize: (_: any, { data: item }: any) => min + (max - min) * Math.sqrt(share(item.value[2])),
        itemStyle: {
          color: colour(layer.config?.style?.color?.fixed ?? 'dark-blue'),
          opacity: Math.max(layer.config?.style?.opacity ?? 0.6, 0.6),
          borderColor: surface(),
        },
        data: marked.map(({ at, value: one }) => ({ at, value: [...place(at)!, one] })),
      },
    ],
  }).setOption({
    geo: {
      regions: shaded.map(({ name, value: one }) => ({
        name,
        itemStyle: { areaColor: schemeColour(scheme, share(one), 0.5) },
      })),
    },
  });
}
