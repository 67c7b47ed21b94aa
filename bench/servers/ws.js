// npm ws: one broadcast server.  Favoured by: no deflate, no UTF-8 check of what comes in, one Buffer for all.
const { WebSocketServer, WebSocket } = require('ws');

const rooms = new Map();
const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096,
  perMessageDeflate: false, skipUTF8Validation: true, clientTracking: false,
});
server.on('connection', (socket, request) => {
  if (!rooms.has(request.url)) rooms.set(request.url, new Set());
  const room = rooms.get(request.url);
  room.add(socket);
  socket.on('message', (data) => {
    for (const each of room) if (each.readyState === WebSocket.OPEN) each.send(data, { binary: false });
  });
  socket.on('close', () => room.delete(socket));
  socket.on('error', () => {});
});
