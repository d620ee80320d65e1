import { Hono } from 'hono';
import { EventStore, JSONTranscoder, Mapper } from 'daybook';
import type { DomainEvent } from 'daybook';
import type { PostgresProcessRecorder } from 'daybook/postgres';
import { createSession, sessionMiddleware } from 'daybook/session';

type Order = DomainEvent<'orders:Placed', { readonly article: string }>;

/** A web application in which each request below `/orders` is one transaction. */
export function makeOrders(recorder: PostgresProcessRecorder): Hono {
  const session = createSession(recorder);
  const mapper = new Mapper<Order>({ transcoder: new JSONTranscoder() });
  // The session's recorder, not the recorder: what is put during a request joins the request's transaction.
  const orders = new EventStore<Order>({ mapper, recorder: session.recorder });

  const app = new Hono();
  app.use('/orders/*', sessionMiddleware(session));
  app.put('/orders/:id/:article', async (c) => {
    const { id, article } = c.req.param();
    await orders.put([{ originatorId: id, originatorVersion: 1, type: 'orders:Placed', data: { article } }]);
    const updated = await session
      .current()
      ?.connection.query('UPDATE stock SET items = items - 1 WHERE article = $1 AND items > 0 RETURNING items', [
        article,
      ]);
    if (updated?.rows.length === 0) {
      session.rollBack();
      return c.text('sold out', 409);
    }
    return c.text('placed', 201);
  });
  app.get('/orders/:id', async (c) => c.json(await orders.get(c.req.param('id'))));
  return app;
}
