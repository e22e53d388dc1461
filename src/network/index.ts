export { linkUp, planLoopback } from './netlink.ts';
