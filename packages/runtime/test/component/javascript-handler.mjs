// SPDX-License-Identifier: Apache-2.0
let count = 0;
addEventListener('fetch', (event) => event.respondWith(answer(event.request)));
async function answer(request) {
  const url = new URL(request.url);
  count += 1;
  switch (url.pathname) {
    case '/show':
      return Response.json({
        method: request.method,
        search: url.search,
        header: request.headers.get('x-one'),
        count,
      });
    case '/echo':
      return new Response(request.body, { headers: { 'content-type': request.headers.get('content-type') } });
    case '/upper':
      return new Response((await request.text()).toUpperCase(), { status: 201 });
    case '/fetch': {
      const there = await fetch(url.searchParams.get('of'));
      return new Response(`${there.status} ${await there.text()}`);
    }
    case '/slow': {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return new Response('slept');
    }
    case '/throw':
      throw new Error('on purpose');
    default:
      return new Response(null, { status: 404 });
  }
}
