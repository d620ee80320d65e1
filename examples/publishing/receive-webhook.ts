import { verifyWebhook } from 'daybook/publishing';

/** Answers a webhook: 204 when it was taken, 400 when it is not from who it should be from. */
export async function receiveWebhook(
  request: Request,
  secret: string,
  take: (id: string, event: unknown) => Promise<void>,
): Promise<Response> {
  const body = await request.text();
  let id: string;
  try {
    id = await verifyWebhook(secret, { headers: request.headers, body });
  } catch {
    return new Response(null, { status: 400 });
  }
  // At least once: take each id once, in the same transaction as what comes of it.
  await take(id, JSON.parse(body));
  return new Response(null, { status: 204 });
}
