// A visit of 200 events, the same for every SDK.
export function* calls(sdk) {
  for (let number = 0; number < 200; number++) {
    const messageId = `${sdk}-${number}`
    if (number === 100) yield { type: 'identify', messageId, userId: 'u-4711', traits: { plan: 'pro' } }
    else if (number % 4 === 0) yield { type: 'page', messageId, name: `Page ${number}`, properties: { number } }
    else yield { type: 'track', messageId, event: 'Product Viewed', properties: { number, price: 79.5 } }
  }
}
