// Questions to the server. An answer that is no success becomes an error with the server's own line.

export async function ask<T>(path: string, parameters: URLSearchParams | undefined, signal?: AbortSignal): Promise<T> {
  const query = parameters?.toString();
  let answer: Response;
  try {
    answer = await fetch(path + (query ? `?${query}` : ''), { signal });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Error('the preview does not answer: is `footfall preview-dashboards` running?');
  }
  const content = await answer.json().catch(() => undefined);
  signal?.throwIfAborted(); // an answer that was cut off is none
  if (!answer.ok || content === undefined) throw new Error(content?.error ?? `the preview answered ${answer.status}`);
  return content;
}
