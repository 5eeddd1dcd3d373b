// static/world.json: outlines of countries by their ISO 3166 alpha-2 codes, and a point in each for markers.
// From world-atlas (Natural Earth, public domain): outlines at 1:110m, points at 1:50m, which has small countries too.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { feature } from 'topojson-client';

const require = createRequire(import.meta.url);
const read = (name) => JSON.parse(readFileSync(require.resolve(name), 'utf8'));
const alpha2 = new Map(read('i18n-iso-countries/codes.json').map(([two, , number]) => [number, two]));
const byName = { Kosovo: 'XK' }; // no ISO code of its own; XK is what GeoIP databases use

const codeOf = (shape) => alpha2.get(shape.id) ?? byName[shape.properties.name];

// The middle of the largest ring, so that overseas parts don't move it.
function middle(geometry) {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates;
  let best = { size: -1, at: [0, 0] };
  for (const [ring] of polygons) {
    let size = 0,
      x = 0,
      y = 0;
    for (let i = 0; i + 1 < ring.length; i++) {
      const cross = ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
      size += cross;
      x += (ring[i][0] + ring[i + 1][0]) * cross;
      y += (ring[i][1] + ring[i + 1][1]) * cross;
    }
    if (Math.abs(size) > best.size) best = { size: Math.abs(size), at: [x / (3 * size), y / (3 * size)] };
  }
  return best.at.map((degrees) => Math.round(degrees * 10) / 10);
}

const outlines = read('world-atlas/countries-110m.json');
for (const shape of outlines.objects.countries.geometries) {
  const code = codeOf(shape);
  shape.properties = { name: code ?? shape.properties.name };
  delete shape.id;
}
outlines.objects.countries.geometries = outlines.objects.countries.geometries.filter(
  (shape) => shape.properties.name !== 'AQ',
);
delete outlines.objects.land;

const detailed = read('world-atlas/countries-50m.json');
const points = {};
for (const shape of feature(detailed, detailed.objects.countries).features) {
  const code = codeOf(shape);
  if (code && shape.geometry) points[code] = middle(shape.geometry);
}
const sorted = Object.fromEntries(Object.entries(points).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(new URL('static/world.json', import.meta.url), `${JSON.stringify({ outlines, points: sorted })}\n`);
