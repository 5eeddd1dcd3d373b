// footfall.js, the browser tracker: page views, clicks, impressions and speed as Segment Spec events to {host}/v1/batch.
// One classic script, no dependency, under 2500 bytes gzipped. How a site uses it: docs/tracking-script.md.
//
// Written to be small: functions first and all state in one place (each `const` or `let` costs), values that a function
// begins with as defaults of its last parameters, tables instead of calls that repeat.

declare const VERSION: string; // of package.json, put in by the build

interface Window {
  footfall?: any; // until now calls that the snippet kept, each a function of `functions` below; then these functions
  LayoutShift?: unknown;
}
interface Document {
  prerendering?: boolean;
}
interface Navigator {
  globalPrivacyControl?: boolean;
}

type Properties = Record<string, unknown>;
type Page = Record<"path" | "url" | "referrer" | "search", string> & { title?: string };
type Waiting = Properties & { messageId: string };
/** What is read of performance entries of three types, each of which has only some of it. Times in ms. */
type Entry = PerformanceEntry & { size?: number; interactionId?: number; value?: number; hadRecentInput?: boolean };

{
  const CLICK_ID = "(gclid|gbraid|wbraid|dclid|fbclid|msclkid|ttclid|twclid|li_fat_id)";

  /** The same function, but its errors stay here: the page must never notice us. */
  const safe =
    <A extends unknown[], R>(work: (...args: A) => R) =>
    (...args: A): R | undefined => {
      try {
        return work(...args);
      } catch {}
    };

  const script = document.currentScript as HTMLScriptElement;
  const late = document.hidden; // in the background, or prerendered: when it was painted says nothing about speed

  const start = safe(() => {
    const { dataset, src } = script;
    const endpoint = new URL("/v1/batch", dataset.host || src);

    // Consent and storage

    /** 0 none, 1 anonymous, 2 full: what is asked for, but not more than the browser's own setting allows. */
    const limit = (category?: string): number =>
      category == "none"
        ? 0
        : category == "full" && !navigator.globalPrivacyControl && navigator.doNotTrack != "1"
          ? 2
          : 1;

    /** Store a value, or read it. Nothing without full consent, nor where the browser refuses. */
    const item = safe((name: string, value?: string): string | undefined => {
      if (level > 1) return value ? (localStorage[name] = value) : localStorage[name];
      return;
    });
    const stored = (pattern: string): string[] => Object.keys(localStorage).filter((name) => name.match(pattern));
    const forget = safe((pattern: string) => stored(pattern).forEach((name) => delete localStorage[name]));

    const uuid = (): string => crypto.randomUUID?.() || "" + Math.random(); // pages without https have no randomUUID

    // Sending

    const wait = (): void => {
      timer ||= setTimeout(flush, 1e3);
    };

    /** Send what waits: up to 20 events, or all of them when leaving. What may not have arrived goes on waiting. */
    const flush = async (leaving?: boolean, mine = queue, batch = mine.splice(0, 20), body = ""): Promise<void> => {
      clearTimeout(timer);
      timer = 0;
      page.title = document.title; // single-page applications set it after they navigate
      // Browsers take 64 KB from a page that ends, and a character has up to three bytes.
      while (
        (body = JSON.stringify({ writeKey: dataset.key, sentAt: new Date(), batch })).length > 2e4 &&
        batch[1]
      )
        mine.unshift(batch.pop()!);
      body = body.replace(level < 2 ? RegExp(`\\b${CLICK_ID}=[^&#"\\\\]*&?`, "g") : "", "");
      if (batch[0])
        try {
          timer = -1;
          if (leaving) {
            if (!navigator.sendBeacon(endpoint, body) || failures || !navigator.onLine) throw 0;
          } else {
            const { status, headers } = await fetch(endpoint, { method: "POST", body, keepalive: body.length < 2e4 });
            if (status == 429 || status > 499) throw headers.get("Retry-After");
          }
          failures = timer = 0;
          batch.forEach(({ messageId }) => level > 1 && forget(messageId));
          flush(leaving);
        } catch (seconds) {
          mine.unshift(...batch);
          mine.slice(0, 100).forEach((event) => item("footfall.event" + event.messageId, JSON.stringify(event)));
          failures++;
          timer = setTimeout(flush, 1e3 * (+(seconds as string) || 2 ** (failures + Math.random())));
        }
    };

    /** Take over what closed pages could not send. Another page may send it too: the ids are the same. */
    const recover = safe(() => {
      stored("footfall.event").forEach((name) => queue.push(JSON.parse(item(name)!)));
      wait();
    });

    // Events

    const look = (referrer: string, route = dataset.hash ? location.hash : ""): Page => ({
      url: location.href.split("#")[0] + route,
      referrer,
      path: location.pathname + route,
      search: location.search,
    });

    const emit = safe((type: string, fields: Properties, campaign: Properties = {}): void => {
      new URLSearchParams(page.search).forEach((value, name) => {
        const utm = name.split("utm_")[1];
        if (utm) campaign[utm == "campaign" ? "name" : utm] = value;
        if (level > 1 && name.match(CLICK_ID)) {
          campaign.click_id = value;
          campaign.click_id_type = name;
        }
      });
      if (level && !queue[999])
        queue.push({
          anonymousId: item("footfall.id") || item("footfall.id", uuid()),
          userId: item("footfall.user"),
          type,
          messageId: uuid(),
          ...JSON.parse(JSON.stringify(fields)),
          timestamp: new Date(),
          context: {
            consent: { category: level > 1 ? "full" : "anonymous" },
            library: { name: "footfall.js", version: VERSION },
            page,
            locale: navigator.language,
            timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
            screen: { width: screen.width, height: screen.height },
            campaign,
          },
        });
      if (timer > 0 && !failures && queue[19]) flush();
      else wait();
    });

    const track = (event: string, properties?: Properties): unknown => emit("track", { event, properties });
    const notice = (event: string, properties: Properties): unknown =>
      track(event, { ...properties, non_interaction: true });

    // Engaged time and scroll depth

    /** A sign of the visitor: the time since the last one was engaged, up to half a minute. */
    const tick = (): void => {
      const now = performance.now();
      if (shown) engaged += Math.min(now - last, 3e4);
      last = now;
      deepest = Math.max(deepest, scrollY + innerHeight);
    };

    const leave = (): void => {
      tick();
      if (viewed && engaged > 99) {
        notice("Page Engaged", {
          engaged_ms: Math.round(engaged),
          scroll_depth: Math.round(Math.min(1, deepest / document.documentElement.scrollHeight) * 100),
        });
        engaged = 0;
      }
    };

    // Impressions: half visible for a second

    const timers = new Map<Element, number>();
    const observer = new IntersectionObserver(
      (entries) =>
        entries.forEach(({ target, intersectionRatio }) => {
          clearTimeout(timers.get(target));
          if (intersectionRatio >= 0.5)
            timers.set(
              target,
              setTimeout(() => {
                const element = (target as HTMLElement).dataset.footfall!;
                seen[element] ||= !notice("Element Viewed", { element });
              }, 1e3),
            );
        }),
      { threshold: 0.5 },
    );
    const watch = (): void =>
      document.querySelectorAll("[data-footfall]").forEach((element) => observer.observe(element));
    const rewatch = (): void => {
      observer.disconnect();
      timers.forEach(clearTimeout);
      watch();
    };

    // Speed, as web-vitals defines it

    const interactions: Record<number, number> = {};
    const measure = ({ startTime, duration, size, interactionId, value, hadRecentInput }: Entry): void => {
      if (interactionId) interactions[interactionId] = Math.max(duration, interactions[interactionId] || 0);
      if (size && !late) lcp = Math.round(startTime);
      if (value && !hadRecentInput) {
        if (startTime > previous + 1e3 || startTime > first + 5e3) {
          sum = 0;
          first = startTime;
        }
        previous = startTime;
        cls = Math.max(cls as number, (sum += value));
      }
    };

    // What the visitor does

    const view = (name?: string, properties?: Properties): void => {
      leave();
      page = look(viewed ? page.url : document.referrer);
      viewed = level;
      engaged = deepest = 0;
      seen = {};
      rewatch();
      emit("page", { name, properties });
    };
    const automatic = (): void => {
      if (dataset.auto != "false") view();
    };
    /** A replaced address is another page by its path only: searches that are being typed replace the query. */
    const navigated = (pushed: unknown): void => {
      const part = pushed ? "url" : "path";
      if (look("")[part] != page[part]) automatic();
    };

    /** The page is shown or hidden, or ends. */
    const turn = (): void => {
      if (shown) {
        leave();
        if (meter) {
          meter.takeRecords().forEach(measure);
          meter = undefined;
          const worst = Object.values(interactions).sort((a, b) => b - a);
          notice("Web Vitals", {
            cls,
            lcp_ms: lcp,
            inp_ms: worst.at(performance.interactionCount / 50) ?? worst.at(-1),
          });
        }
        rewatch();
      }
      flush(true);
      tick();
      shown = !document.hidden;
    };

    const click = (event: MouseEvent): void => {
      tick();
      if (event.button > 1 || event.detail > 1) return; // the right button; the second of a double click
      const find = (selector: string) =>
        event.composedPath().find((node) => (node as Element).matches?.(selector)) as HTMLAnchorElement | undefined;
      const link = find("a");
      const url = link?.href;
      const element = find("[data-footfall]")?.dataset.footfall;
      if (link?.host && link.host != location.host) track("Outbound Link Clicked", { url });
      if (element) track("Element Clicked", { element, url });
    };

    const handlers: Record<string, (event: any) => void> = {
      online: () => flush(),
      popstate: navigated,
      pointermove: tick,
      scroll: tick,
      keydown: tick,
      visibilitychange: turn,
      click,
      pagehide: turn,
      auxclick: click,
      pageshow: (event) => event.persisted && automatic(),
    };

    const functions = {
      page: view,
      track,
      identify(userId: string, traits?: Properties) {
        if (level > 1) {
          item("footfall.user", userId);
          emit("identify", { userId: userId + "", traits });
        }
      },
      consent(category: string, before = level) {
        level = limit(category);
        if (level < before) queue = [];
        if (level < 2) forget("^footfall.");
        else if (before < 2) recover();
        if (!viewed) automatic();
      },
      reset() {
        forget("^footfall.(id|user)");
      },
    };

    let level = limit(dataset.consent);
    let queue: Waiting[] = [];
    let failures = 0;
    let timer = 0; // -1 while a request is under way
    let page = look(document.referrer);
    let viewed = 0;
    let shown = !document.hidden;
    let seen: Record<string, boolean> = {};
    let engaged = 0;
    let deepest = 0;
    let last = performance.now();
    let meter: PerformanceObserver | undefined = new PerformanceObserver((list) => list.getEntries().forEach(measure));
    let lcp: number | undefined;
    let cls = window.LayoutShift && 0;
    let sum = 0;
    let first = 0;
    let previous = 0;

    recover();
    window.footfall?.forEach((call: (them: typeof functions) => void) => call(functions)); // ends a second copy of this
    window.footfall = functions;

    ["largest-contentful-paint", "layout-shift", "event"].forEach((type) =>
      meter!.observe({ type, buffered: true, durationThreshold: 16 } as PerformanceObserverInit),
    );
    (["replaceState", "pushState"] as const).forEach((name, pushed) => {
      const native = history[name];
      history[name] = (...args) => {
        native.apply(history, args);
        navigated(pushed);
      };
    });
    Object.keys(handlers).forEach((type) => addEventListener(type, handlers[type]!, true));
    new MutationObserver(watch).observe(document, { childList: true, subtree: true });
    if (!viewed) automatic();
  });

  if (document.prerendering) addEventListener("prerenderingchange", start, true);
  else start();
}
