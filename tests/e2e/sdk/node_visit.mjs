// 200 events by @segment/analytics-node: node node_visit.mjs COLLECTOR WRITE_KEY
import { Analytics } from '@segment/analytics-node'
import { calls } from './visit.mjs'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host, flushInterval: 500 })
for (const { type, messageId, ...call } of calls('node')) {
  analytics[type]({ anonymousId: 'node-visitor', messageId, ...call })
  await new Promise((resolve) => setTimeout(resolve, 50))
}
await analytics.closeAndFlush({ timeout: 120_000 })
